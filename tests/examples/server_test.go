// A service for the tests of Go, at a port that the kernel picks.

package main

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// start returns the URL of a service that ends with the test.
func start(t *testing.T) string {
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	service := exec.Command("portexec", "-p", "/dev/fd/3", "--",
		"python3", "server.py", "--port", "{port}")
	service.Stderr = os.Stderr
	service.ExtraFiles = []*os.File{writing} // fd 3
	err = service.Start()
	writing.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		service.Process.Signal(syscall.SIGTERM)
		service.Wait()
	})
	port, err := bufio.NewReader(reading).ReadString('\n')
	if err != nil {
		t.Fatal("portexec has ended: ", err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port)
}

func TestSaysHello(t *testing.T) {
	answer, err := http.Get(start(t) + "/go")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || string(text) != "hello from /go\n" {
		t.Fatal(string(text), err)
	}
}
