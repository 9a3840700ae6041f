// A service for all tests of a package, and one for a single test.

package server

import (
	"bufio"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// start returns the URL of a service, and a function that stops it.  The
// service also ends with this process, whose end of the socket pair is closed
// then: cat(1) ends, and portexec stops the service.
func start(fatal func(...any)) (url string, stop func()) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX,
		syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		fatal(err)
	}
	ours := os.NewFile(uintptr(pair[0]), "ours")
	theirs := os.NewFile(uintptr(pair[1]), "theirs")
	service := exec.Command("portexec", "-t", "3",
		"-c", "echo {port} >&0; exec cat", "--",
		"python3", "server.py", "--port", "{port}")
	service.Stdin = theirs
	service.Stdout, service.Stderr = os.Stdout, os.Stderr
	err = service.Start()
	theirs.Close()
	if err != nil {
		fatal(err)
	}
	stop = func() {
		ours.Close()
		if err := service.Wait(); err != nil {
			fatal("portexec: ", err)
		}
	}
	port, err := bufio.NewReader(ours).ReadString('\n')
	if err != nil {
		stop() // which tells the reason
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port), stop
}

var shared string // the URL of the service for all tests

func TestMain(m *testing.M) {
	url, stop := start(log.Fatal)
	shared = url
	status := m.Run()
	stop()
	os.Exit(status)
}

func TestShared(t *testing.T) {
	t.Parallel()
	check(t, shared)
}

func TestOwn(t *testing.T) {
	t.Parallel()
	url, stop := start(t.Fatal)
	t.Cleanup(stop)
	check(t, url)
}

func check(t *testing.T, url string) {
	answer, err := http.Get(url + "/go")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || string(text) != "hello from /go\n" {
		t.Fatal(string(text), err)
	}
}
