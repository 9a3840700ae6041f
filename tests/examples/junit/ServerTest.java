import static org.junit.jupiter.api.Assertions.assertEquals;

import java.net.URI;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(Service.class)
class ServerTest {
    @Test
    void saysHello() throws Exception {
        assertEquals("hello from /java\n", get("/java"));
    }

    @Test
    void saysHelloAgain() throws Exception {
        assertEquals("hello from /again\n", get("/again"));
    }

    static String get(String path) throws Exception {
        try (var answer = URI.create(Service.url + path).toURL().openStream()) {
            return new String(answer.readAllBytes());
        }
    }
}
