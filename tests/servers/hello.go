// The port is the argument.  Linked statically with CGO_ENABLED=0: no preloaded
// library would see its bind().

package main

import (
	"net"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", ":"+os.Args[1])
	if err != nil {
		panic(err)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		client.Write([]byte("go\n"))
		client.Close()
	}
}
