// A service that takes its listening socket at fd 3, as under systemd.

package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
)

func hello(answer http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(answer, "hello from fd 3")
}

func main() {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) ||
		os.Getenv("LISTEN_FDS") != "1" {
		log.Fatal("hello: expects one socket, passed to this process")
	}
	file := os.NewFile(3, "listener")
	listener, err := net.FileListener(file) // a close-on-exec duplicate
	if err != nil {
		log.Fatal("hello: ", err)
	}
	file.Close()
	log.Fatal(http.Serve(listener, http.HandlerFunc(hello)))
}
