// The benchmark's relay in Go: io.Copy both ways over mdlayher/vsock.
//
// usage: relay unix:///PATH vsock://CID:PORT
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strings"

	"github.com/mdlayher/vsock"
)

type halfCloser interface {
	io.ReadWriteCloser
	CloseWrite() error
}

func carry(sink, source halfCloser, done chan<- struct{}) {
	if _, err := io.Copy(sink, source); err != nil {
		log.Fatal(err)
	}
	sink.CloseWrite()
	done <- struct{}{}
}

func serve(client halfCloser, cid, port uint32) {
	far, err := vsock.Dial(cid, port, nil)
	if err != nil {
		log.Fatal(err)
	}
	done := make(chan struct{}, 2)
	go carry(far, client, done)
	go carry(client, far, done)
	<-done
	<-done
	far.Close()
	client.Close()
}

func main() {
	var cid, port uint32
	if _, err := fmt.Sscanf(os.Args[2], "vsock://%d:%d", &cid, &port); err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("unix", strings.TrimPrefix(os.Args[1], "unix://"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(client.(*net.UnixConn), cid, port)
	}
}
