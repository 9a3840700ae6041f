# A service that takes its listening socket at fd 3, as under systemd.

require 'socket'

if ENV['LISTEN_PID'] != Process.pid.to_s || ENV['LISTEN_FDS'] != '1'
  abort 'hello: expects one socket, passed to this process'
end
listener = TCPServer.for_fd(3)
listener.close_on_exec = true
loop do
  client = listener.accept
  client.readpartial(1024)
  client.write("HTTP/1.0 200 OK\r\n\r\nhello from fd 3\n")
rescue SystemCallError, EOFError => error
  warn "hello: #{error}" # the client hung up
ensure
  client&.close
end
