"""SIGKILL of front, keeper, service and group: nothing is left behind.

PORTEXEC_SEED chooses the random moments; a failure names it.
"""

import os
import random
import signal
import time

import harness
from harness import DEADLINE, Tree, wait_for

ROUNDS = 10 if harness.SANITIZED else 60
SEED = int(os.environ.get('PORTEXEC_SEED', random.randrange(1 << 32)))

# Descendants everywhere: a child, sessions, orphans, and some that ignore
# TERM or are stopped.
SERVICE = '''
sleep 1000 &
setsid sleep 1000 &
setsid sh -c 'setsid sh -c "sleep 1000 & sleep 1000" & sleep 1000' &
sh -c '(sleep 1000 &)' &
(trap "" TERM HUP INT; sleep 1000; sleep 1000) &
setsid sh -c 'sleep 1000 & kill -STOP $!; kill -STOP $$' &
echo ready
wait
'''


def descendants(pid):
    return [below for child in harness.children(pid)
            for below in [child, *descendants(child)]]


def state(pid):
    with open(f'/proc/{pid}/stat') as file:
        return file.read().rpartition(')')[2].split()[0]


class Kill(Tree):
    def setUp(self):
        super().setUp()
        self.random = random.Random(f'{SEED} {self.id()}')

    def start(self, *options, text=SERVICE, **others):
        return self.launch('-q', '-H', 'adopt', '-k', '0.2', *options, '--',
                           'sh', '-c', text, env=self.env,
                           start_new_session=True, **others)

    def await_random_moment(self, begin):
        """From before the keeper was made to long after all has started."""
        moment = self.random.choice((0.002, 0.02, 0.2)) * self.random.random()
        while time.monotonic() < begin + moment:
            pass

    def victim(self, front, who):
        """Its pid, negative for a group; None where it is not there yet."""
        if who == 'front':
            return front
        if who == 'group':
            return -front
        for keeper in harness.children(front):
            if who == 'keeper':
                return keeper
            for service in harness.children(keeper):
                return service
        return None

    def statuses(self, who):
        """What the front may then say."""
        if who == 'keeper':
            return {125}
        if who == 'service':        # 125: it was not the service yet
            return {-signal.SIGKILL, 125}
        return {-signal.SIGKILL}

    def kill_once(self, who):
        """Whether it was there to be killed."""
        begin = time.monotonic()
        process = self.start()
        self.await_random_moment(begin)
        victim = self.victim(process.pid, who)
        if victim is None:
            process.kill()
        else:
            os.kill(victim, signal.SIGKILL)
        status = process.wait(DEADLINE)
        if victim is not None:
            self.assertIn(status, self.statuses(who))
        self.assert_nothing_left()
        said = process.stderr.read()        # by the shells as well
        self.assertEqual(said.count('portexec: '), status == 125, said)
        harness.end_process(process)
        return victim is not None

    def kill_at_random(self, who):
        killed = 0
        for number in range(ROUNDS):
            try:
                killed += self.kill_once(who)
            except AssertionError as error:
                self.fail(f'PORTEXEC_SEED={SEED}, round {number}: {error}')
        self.assertGreater(killed, 0)

    def test_front(self):
        self.kill_at_random('front')

    def test_keeper(self):
        self.kill_at_random('keeper')

    def test_service(self):
        self.kill_at_random('service')

    def test_group(self):
        self.kill_at_random('group')


class Moments(Tree):
    start = Kill.start

    def test_keeper_of_a_running_service(self):
        process = self.start()
        self.assertEqual(process.stdout.readline(), 'ready\n')
        os.kill(self.parts(process.pid)[0], signal.SIGKILL)
        self.assertEqual(process.wait(DEADLINE), 125)
        self.assertEqual(self.left(), [])
        self.assertIn('portexec: the keeper was killed\n',
                      process.stderr.read())

    def test_running_service(self):
        process = self.start()
        self.assertEqual(process.stdout.readline(), 'ready\n')
        os.kill(self.parts(process.pid)[1], signal.SIGKILL)
        self.assertEqual(process.wait(DEADLINE), -signal.SIGKILL)
        self.assert_nothing_left()

    def test_a_daemons_keeper(self):
        """Its daemon cannot bind any more, but nothing hangs."""
        self.write('bind.py', 'import os, socket, time\n'
                   'while not os.path.exists("go"): time.sleep(0.005)\n'
                   'socket.socket().bind(("127.0.0.1", 0))\n')
        process = self.start(text='python3 -SE bind.py 2>log & exit 0')
        self.assertEqual(process.wait(DEADLINE), 0)
        keeper, = [pid for pid in self.left() if harness.children(pid)]
        os.kill(keeper, signal.SIGKILL)
        self.write('go', '')
        self.assert_nothing_left()
        self.assertIn('Function not implemented', self.read('log'))

    def test_stopped_keeper_of_a_killed_front(self):
        process = self.start()
        process.stdout.readline()
        keeper, _ = self.parts(process.pid)
        os.kill(keeper, signal.SIGSTOP)
        wait_for(lambda: state(keeper) == 'T', 'the stop')
        process.kill()
        process.wait(DEADLINE)
        self.assert_nothing_left()

    def test_everything_stopped_and_the_front_killed(self):
        process = self.start()
        process.stdout.readline()
        for pid in descendants(process.pid):
            os.kill(pid, signal.SIGSTOP)
        os.kill(process.pid, signal.SIGSTOP)
        process.kill()
        process.wait(DEADLINE)
        self.assert_nothing_left()


class BeforeExecution(Tree):
    """While portexec waits for the reader of a FIFO."""

    def start(self):
        os.mkfifo(self.path('fifo'))
        process = self.launch(
            '-H', 'adopt', '-l', 'tcp:0', '-l', './socket', '-p', 'first',
            '-p', 'fifo', '--', 'touch', 'executed', env=self.env,
            start_new_session=True)
        self.announced(process)
        wait_for(lambda: os.path.exists(self.path('first')), 'the file')
        return process, *self.parts(process.pid)

    def read_fifo(self):
        with open(self.path('fifo')) as fifo:
            return fifo.read()

    def check(self, process, status):
        self.assertEqual(process.wait(DEADLINE), status)
        self.assert_nothing_left()
        self.assertFalse(os.path.exists(self.path('executed')))
        return process.stderr.read()

    def test_front(self):
        for number in signal.SIGKILL, signal.SIGTERM, signal.SIGINT:
            with self.subTest(number):
                process, *_ = self.start()
                process.send_signal(number)
                self.check(process, -number)
                os.remove(self.path('fifo'))
                os.remove(self.path('first'))

    def test_group(self):
        process, *_ = self.start()
        os.kill(-process.pid, signal.SIGKILL)
        self.check(process, -signal.SIGKILL)

    def test_keeper(self):
        process, keeper, _ = self.start()
        os.kill(keeper, signal.SIGKILL)
        self.read_fifo()
        self.assertIn('portexec: the keeper was killed\n',
                      self.check(process, 125))
        self.assert_tidy()

    def test_service(self):
        process, _, service = self.start()
        os.kill(service, signal.SIGKILL)
        wait_for(lambda: state(service) == 'Z', 'its end')
        self.read_fifo()
        self.assertIn('portexec: ', self.check(process, 125))
        self.assert_tidy()

    def assert_tidy(self):
        """Nothing was executed: so no file stays."""
        self.assertEqual(os.listdir(self.directory), ['fifo'])
