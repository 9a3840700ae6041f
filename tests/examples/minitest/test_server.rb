# A service for all tests, and one for a single test.

require 'minitest/autorun'
require 'net/http'
require 'socket'

# The service also ends with this process, whose end of the socket pair is
# closed then: cat(1) ends, and portexec stops the service.
class Service
  attr_reader :url

  def initialize
    @ours, theirs = UNIXSocket.pair
    @pid = spawn('portexec', '-t', '3', '-c', 'echo {port} >&0; exec cat',
                 '--', 'python3', 'server.py', '--port', '{port}', in: theirs)
    theirs.close
    port = @ours.gets(chomp: true) or stop # which tells the reason
    @url = URI("http://127.0.0.1:#{port}")
  end

  def stop
    @ours.close
    Process.wait(@pid)
    raise "portexec: #{$?}" unless $?.success?
  end
end

SHARED = Service.new
Minitest.after_run { SHARED.stop }

class SharedTest < Minitest::Test
  parallelize_me!

  def test_says_hello
    assert_equal "hello from /ruby\n", Net::HTTP.get(SHARED.url + '/ruby')
  end

  def test_says_hello_again
    assert_equal "hello from /again\n", Net::HTTP.get(SHARED.url + '/again')
  end
end

class OwnTest < Minitest::Test
  def setup
    @service = Service.new
  end

  def teardown
    @service.stop
  end

  def test_says_hello
    assert_equal "hello from /own\n", Net::HTTP.get(@service.url + '/own')
  end
end
