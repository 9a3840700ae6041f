// A service for a test in Java, at a port that the kernel picks.  With JUnit,
// start and stop it in @BeforeAll and @AfterAll.

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Scanner;

public class ServerTest {
    public static void main(String[] arguments) throws Exception {
        // The port is the first line on the service's standard output.
        Process service = new ProcessBuilder("portexec", "-p", "-", "--",
            "python3", "server.py", "--port", "{port}")
            .redirectError(ProcessBuilder.Redirect.INHERIT).start();
        try {
            int port = new Scanner(service.getInputStream()).nextInt();
            saysHello("http://127.0.0.1:" + port);
        } finally {
            service.destroy();
            service.waitFor();
        }
    }

    static void saysHello(String url) throws Exception {
        String answer = HttpClient.newHttpClient().send(
            HttpRequest.newBuilder(URI.create(url + "/java")).build(),
            BodyHandlers.ofString()).body();
        if (!answer.equals("hello from /java\n"))
            throw new AssertionError(answer);
    }
}
