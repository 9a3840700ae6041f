# SPDX-License-Identifier: ISC
"""SIGKILL of front, keeper, service, client and group: nothing is left
behind, and nobody hangs.

PORTEXEC_KILLS is how many there are at random moments; PORTEXEC_SEED chooses
these, and a failure names it.
"""

import concurrent.futures
import contextlib
import os
import random
import resource
import signal
import subprocess
import time

import harness
from harness import BINDER, DEADLINE, PORTEXEC, Tree, wait_for

KILLS = int(os.environ.get('PORTEXEC_KILLS',
                           60 if harness.BRIEF else 300))
SEED = int(os.environ.get('PORTEXEC_SEED', random.randrange(1 << 32)))
AT_A_TIME = 4

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


# A service that listens, with the same descendants; and one that is alone,
# for where no process of portexec's stays.
LISTENER = f"'{BINDER}' $0 & " + SERVICE
STEPS = ('socket=tcp4 set=reuseaddr:1 bind=127.0.0.1:{port} listen '
         'wait=never')
ALONE = 'echo ready; exec sleep 1000'
CLIENT = 'echo client; sleep 1000 & setsid sleep 1000 & wait'
# Under -m it connects all the time.
CONNECTS = (f"while :; do '{BINDER}' socket=tcp4 connect=127.0.0.1:9; done "
            '>/dev/null & ' + CLIENT)


class Round:
    """One service, one SIGKILL."""

    def __init__(self, case, handoff, client, who, number, born):
        self.case, self.client, self.who = case, client, who
        self.born = born    # it is there before the moment is chosen
        self.random = random.Random(f'{SEED} {handoff} {client} {number}')
        self.part = f'/{handoff}-{client}-{number}/'
        self.directory = case.directory + self.part
        os.mkdir(self.directory)
        kept = client or handoff == 'adopt'
        mapped = client and handoff == 'adopt'
        self.script = CONNECTS if mapped else CLIENT
        options = ('-c', self.script, '-p', 'port') if client else ()
        if mapped:
            options += ('-m', '9')
        if client and handoff != 'reserve':
            options += ('-l', 'tcp:0', '-l', './socket')
        self.begin = time.monotonic()
        self.process = subprocess.Popen(
            [PORTEXEC, '-q', '-H', handoff, '-k', '0.2', *options, '--', 'sh',
             '-c', LISTENER if kept else ALONE, STEPS],
            env=harness.environment(PORTEXEC_TEST=self.directory), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=self.directory,
            start_new_session=True)

    def await_random_moment(self):
        """From before the keeper was made to long after all has started."""
        begin = self.begin
        if self.born:
            wait_for(self.victim, self.who)
            begin = time.monotonic()
        moment = self.random.choice((0.002, 0.02, 0.2)) * self.random.random()
        time.sleep(max(0, begin + moment - time.monotonic()))

    def victim(self):
        """Its pid, negative for a group; None where it is not there yet."""
        front = self.process.pid
        if self.who in ('front', 'group'):
            return front if self.who == 'front' else -front
        keeper = harness.children(front)[:1]
        if self.who == 'keeper':
            return keeper[0] if keeper else None
        made = harness.children(keeper[0]) if keeper else []
        if self.who == 'service':
            return made[0] if made else None
        return next((pid for pid in made if harness.command_line(
            pid).startswith(f'{pid} /bin/sh -c {self.script}')), None)

    def statuses(self):
        """What the front may then say."""
        if self.who == 'keeper':
            return {125}
        if self.who in ('front', 'group'):
            return {-signal.SIGKILL}
        if self.who == 'service' and self.client:
            return {128 + signal.SIGKILL, 125}
        return {-signal.SIGKILL, 125}   # 125: it was not executed yet

    def run(self):
        """Whether the victim was there to be killed."""
        self.await_random_moment()
        victim = self.victim()
        if victim is None:
            self.process.kill()
        else:
            os.kill(victim, signal.SIGKILL)
        status = self.process.wait(DEADLINE)
        if victim is not None:
            self.case.assertIn(status, self.statuses(), self.who)
        self.case.assert_nothing_left(self.part)
        ready = 'ready' in self.process.stdout.read()
        said = self.process.stderr.read()       # by the shells as well
        self.case.assertEqual(said.count('portexec: '), status == 125, said)
        if self.client and ready:
            self.case.assertEqual(os.listdir(self.directory), [], self.who)
        return victim is not None


class Kill(Tree):
    SETTINGS = [('adopt', False), ('inherit', False), ('reserve', False),
                ('adopt', True), ('inherit', True), ('reserve', True)]

    def kill_once(self, handoff, client, who, number, born):
        one = Round(self, handoff, client, who, number, born)
        try:
            return one.run()
        except AssertionError as error:
            raise AssertionError(
                f'PORTEXEC_SEED={SEED}, {who}, round {number}: {error}'
            ) from None
        finally:
            harness.end_process(one.process)

    def kill_at_random(self, handoff, client):
        """Each victim in turn, several rounds at a time."""
        victims = ['front']
        if client or handoff == 'adopt':
            victims += ['keeper', 'service', 'group'] + client * ['client']
        rounds = []
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            for number in range(KILLS // len(self.SETTINGS)):
                turn, who = divmod(number, len(victims))
                rounds.append((victims[who], pool.submit(
                    self.kill_once, handoff, client, victims[who], number,
                    turn % 2 == 0)))
            killed = [who for who, done in rounds if done.result()]
        print(f'PORTEXEC_SEED={SEED}: {handoff}{client * ", client"}: '
              f'{len(rounds)} rounds, killed ' + ', '.join(
                  f'{killed.count(who)} {who}' for who in victims))
        self.assertEqual(set(killed), set(victims))

    def test_adopt(self):
        self.kill_at_random('adopt', False)

    def test_inherit(self):
        self.kill_at_random('inherit', False)

    def test_reserve(self):
        self.kill_at_random('reserve', False)

    def test_adopt_with_client(self):
        self.kill_at_random('adopt', True)

    def test_inherit_with_client(self):
        self.kill_at_random('inherit', True)

    def test_reserve_with_client(self):
        self.kill_at_random('reserve', True)


class Moments(Tree):
    def start(self, text=SERVICE):
        return self.launch('-q', '-H', 'adopt', '-k', '0.2', '--', 'sh', '-c',
                           text, env=self.env, start_new_session=True)

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

    def test_many_generations(self):
        """With a stack on which they would not all find room."""
        process = self.launch(
            '-q', '-H', 'adopt', '-k', '0.2', '--', harness.BINDER,
            *['fork'] * 400, 'touch=born', 'wait=never', env=self.env,
            start_new_session=True, preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_STACK, (768 << 10, 768 << 10)))
        wait_for(lambda: os.path.exists(self.path('born')), 'the last')
        process.terminate()
        self.assertEqual(process.wait(DEADLINE), -signal.SIGTERM)
        self.assert_nothing_left()
        self.assertEqual(process.stderr.read(), '')

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
        wait_for(lambda: harness.state(keeper) == 'T', 'the stop')
        process.kill()
        process.wait(DEADLINE)
        self.assert_nothing_left()

    def test_everything_stopped_and_the_front_killed(self):
        process = self.start()
        process.stdout.readline()
        for pid in descendants(process.pid):
            with contextlib.suppress(ProcessLookupError):   # it only forks
                os.kill(pid, signal.SIGSTOP)
        os.kill(process.pid, signal.SIGSTOP)
        process.kill()
        process.wait(DEADLINE)
        self.assert_nothing_left()


class BeforeExecution(Tree):
    """While portexec waits for the reader of a FIFO."""

    def start(self, *options):
        os.mkfifo(self.path('fifo'))
        process = self.launch(
            *(options or ('-H', 'adopt')), '-l', 'tcp:0', '-l', './socket',
            '-p', 'first', '-p', 'fifo', '--', 'touch', 'executed',
            env=self.env, start_new_session=True)
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
                self.assert_tidy()
                os.remove(self.path('fifo'))

    def test_group(self):
        process, *_ = self.start()
        os.kill(-process.pid, signal.SIGKILL)
        self.check(process, -signal.SIGKILL)
        self.assert_tidy()

    def test_keeper(self):
        for options in (), ('--on-demand', '-c', 'touch executed'):
            with self.subTest(options):
                process, keeper, _ = self.start(*options)
                os.kill(keeper, signal.SIGKILL)
                self.read_fifo()
                self.assertIn('portexec: the keeper was killed\n',
                              self.check(process, 125))
                self.assert_tidy()
                os.remove(self.path('fifo'))

    def test_service(self):
        process, _, service = self.start()
        os.kill(service, signal.SIGKILL)
        wait_for(lambda: harness.state(service) == 'Z', 'its end')
        self.read_fifo()
        self.assertIn('portexec: ', self.check(process, 125))
        self.assert_tidy()

    def assert_tidy(self):
        """Nothing was executed: so no file stays."""
        self.assertEqual(os.listdir(self.directory), ['fifo'])


class Background(Tree):
    """With -b, at random moments of the start."""

    WHO = {'first': 0, 'background': 1, 'keeper': 2}

    def victim(self, first, who):
        """Its pid, or None where it is not there yet."""
        pid = first
        for _ in range(self.WHO[who]):
            below = harness.children(pid)
            if not below:
                return None
            pid = below[0]
        return pid

    def one(self, handoff, who, number, part):
        """Returns whether the victim was there, and whether the lines were
        printed."""
        chance = random.Random(f'{SEED} {handoff} {who} {number} {part}')
        directory = self.path(part)
        os.mkdir(directory)
        sockets = () if handoff == 'reserve' else ('-l', './socket')
        begin = time.monotonic()
        process = subprocess.Popen(
            [PORTEXEC, '-b', '-q', '-H', handoff, '-k', '0.2', '-l', 'tcp:0',
             *sockets, '-p', 'port', '--', 'sleep', '1000'], text=True,
            env=harness.environment(
                PORTEXEC_TEST=f'{self.directory}/{part}/'),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, cwd=directory)
        moment = chance.random() * chance.choice(
            (0.05, 0.1) if harness.SANITIZED else (0.001, 0.004))
        if int(part.partition('-')[0]) % 2 == 0:
            time.sleep(max(0, begin + moment - time.monotonic()))
            victim = self.victim(process.pid, who)
        else:       # from the moment when it is there
            while (victim := self.victim(process.pid, who)) is None:
                if process.poll() is not None:
                    break
            time.sleep(moment / 4)
        if victim is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, number)
        output = process.stdout.read()
        status = process.wait(DEADLINE)
        process.stdout.close()
        self.check(part, who, number, status, output, victim is not None)
        return victim is not None, output != ''

    def check(self, part, who, number, status, output, hit):
        expected = {0}
        if hit:
            expected.add(-number if who == 'first' else 125)
        self.assertIn(status, expected)
        if status == 0:
            self.assertEqual(output.count('\n'), 2)
        elif number != signal.SIGKILL or who != 'first':
            # Whoever asked for the start knows that there is none.
            self.assertEqual(output, '')
            self.assert_nothing_left(f'/{part}/')
            left = os.listdir(self.path(part))
            if number == signal.SIGKILL:    # in the middle of a write
                left = [name for name in left
                        if not name.startswith('.portexec-')]
            self.assertEqual(left, [])
            return
        # It was executed, or ends by itself.
        def settled():
            left = list(map(harness.command_line, self.left(f'/{part}/')))
            return not left or any(line.partition(' ')[2].startswith('sleep')
                                   for line in left)
        wait_for(settled, 'the start or its end')
        for pid in self.left(f'/{part}/'):
            with contextlib.suppress(ProcessLookupError):
                if os.getsid(pid) == pid:
                    os.kill(pid, signal.SIGTERM)
        self.assert_nothing_left(f'/{part}/')

    def test_random_moments(self):
        rounds = [(handoff, who, number)
                  for handoff in harness.HANDOFFS for who in self.WHO
                  for number in (signal.SIGKILL, signal.SIGTERM)
                  if (who != 'keeper' or (handoff, number) ==
                      ('adopt', signal.SIGKILL))]
        for each in rounds:
            with self.subTest(each, seed=SEED):
                seen = [self.one(*each, f'{number}-{"-".join(map(str, each))}')
                        for number in range(max(10, KILLS // len(rounds)))]
                self.assertTrue(any(hit for hit, _ in seen))
