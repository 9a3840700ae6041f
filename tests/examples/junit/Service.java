// A service for all tests.

import java.util.Scanner;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ExtensionContext.Store.CloseableResource;

public class Service implements BeforeAllCallback {
    public static volatile String url;

    // The first class that is extended starts it; the root store ends it.
    @Override
    public void beforeAll(ExtensionContext context) {
        context.getRoot().getStore(Namespace.GLOBAL)
            .getOrComputeIfAbsent(Running.class);
    }

    // It also ends with this process, whose ends of the pipes are closed then:
    // cat(1) ends, and portexec stops the service.
    static class Running implements CloseableResource {
        private final Process portexec;

        // Standard output is for the port alone: the service has, as 9>&1 >&2
        // says, standard error in its place.
        Running() throws Exception {
            portexec = new ProcessBuilder("sh", "-c", "exec portexec -t 3"
                + " -c 'echo {port} >&9; exec cat' --"
                + " python3 server.py --port {port} 9>&1 >&2")
                .redirectError(ProcessBuilder.Redirect.INHERIT).start();
            Scanner port = new Scanner(portexec.getInputStream());
            if (!port.hasNextInt())
                close(); // which tells the reason
            url = "http://127.0.0.1:" + port.nextInt();
        }

        @Override
        public void close() throws Exception {
            portexec.getOutputStream().close();
            int status = portexec.waitFor();
            if (status != 0)
                throw new Exception("portexec ended with status " + status);
        }
    }
}
