// go_echo PORT: a goroutine per connection, with package net. A connection starts with a small buffer and
// gets a large one when it fills it, because Go touches all memory that it allocates.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
)

const (
	smallBytes = 4 * 1024
	largeBytes = 64 * 1024
)

func serve(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, smallBytes)
	for {
		got, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err = connection.Write(buffer[:got]); err != nil {
			return
		}
		if got == smallBytes && len(buffer) == smallBytes {
			buffer = make([]byte, largeBytes)
		}
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go_echo PORT")
		os.Exit(2)
	}
	// No keep-alive: the other peers set none, and it costs system calls per connection.
	// TCP_NODELAY is set by default.
	config := net.ListenConfig{KeepAlive: -1}
	listener, err := config.Listen(context.Background(), "tcp4", "127.0.0.1:"+os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "go_echo:", err)
		os.Exit(1)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	for {
		connection, err := listener.Accept()
		if err == nil {
			go serve(connection)
		}
	}
}
