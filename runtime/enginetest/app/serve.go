package app

import (
	"io"
	"net"
)

// serve listens on an address, prints "up", and answers every connection with a text, printing "served". It ends with 0
// at the first signal.
func serve(w World, args []string) int {
	listener, err := w.Listen(args[0])
	if err != nil {
		say(w.Stderr, err.Error())
		return 1
	}
	say(w.Stdout, "up")
	go func() {
		<-w.Signals
		_ = listener.Close()
	}()
	for {
		connection, err := listener.Accept()
		if err != nil {
			return 0
		}
		answer(w, connection, args[1])
	}
}

func answer(w World, connection net.Conn, text string) {
	defer connection.Close()
	_, _ = io.WriteString(connection, text)
	say(w.Stdout, "served")
}

// get connects to an address and prints what it says.
func get(w World, args []string) int {
	connection, err := w.Dial(args[0])
	if err != nil {
		say(w.Stderr, err.Error())
		return 1
	}
	defer connection.Close()
	content, err := io.ReadAll(connection)
	if err != nil {
		say(w.Stderr, err.Error())
		return 1
	}
	return say(w.Stdout, string(content))
}
