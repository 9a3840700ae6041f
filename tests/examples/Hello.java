// A service that takes its listening socket at fd 0, as under inetd: the one
// that Java can take.  Run it with portexec --inetd.  A process that Java
// starts gets neither.

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;

public class Hello {
    static final byte[] ANSWER =
        "HTTP/1.0 200 OK\r\n\r\nhello from fd 0\n".getBytes();

    public static void main(String[] arguments) throws IOException {
        if (!(System.inheritedChannel() instanceof ServerSocketChannel)) {
            System.err.println("hello: expects a listening socket at fd 0");
            System.exit(1);
        }
        var listener = (ServerSocketChannel) System.inheritedChannel();
        while (true) {
            try (SocketChannel client = listener.accept()) {
                if (client.read(ByteBuffer.allocate(1024)) > 0)
                    client.write(ByteBuffer.wrap(ANSWER));
            } catch (IOException error) {
                System.err.println("hello: " + error); // the client hung up
            }
        }
    }
}
