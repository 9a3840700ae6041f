# WEBrick on the port of the argument: stopped by the first request, which
# shuts its sockets down, and then started again.

require 'webrick'

%w[first second].each do |name|
  server = WEBrick::HTTPServer.new(Port: ARGV[0].to_i, AccessLog: [])
  server.mount_proc('/') do |_request, response|
    response.body = "#{name} webrick\n"
    server.shutdown if name == 'first'
  end
  server.start
end
