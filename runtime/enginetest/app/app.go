package app

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// commands by name; the doc of each is in its comment. Each returns the exit code.
var commands = map[string]func(World, []string) int{
	"echo": func(w World, args []string) int { return say(w.Stdout, strings.Join(args, " ")) }, // its arguments, to stdout
	"err":  func(w World, args []string) int { return say(w.Stderr, strings.Join(args, " ")) }, // the same to stderr
	"exit": func(w World, args []string) int { return number(args) },                           // ends with that code
	"cat":  cat,
	"env":  env,
	"pwd":  func(w World, _ []string) int { return say(w.Stdout, w.Dir) },
	"name": func(w World, _ []string) int { return say(w.Stdout, w.Hostname) },
	"ns":   func(w World, args []string) int { return say(w.Stdout, w.Namespace(args[0])) },

	"count":    count,
	"lines":    lines,
	"sleep":    sleep,
	"stubborn": stubborn,
	"serve":    serve,
	"get":      get,
	"eat":      eat,
	"terminal": terminal,

	// These look at the machine that the container shows, so they are for real containers only.
	"id":    id,
	"read":  read,
	"write": write,
}

// Main runs a command and returns its exit code: 127 for one that it does not know.
func Main(w World) int {
	if len(w.Args) == 0 {
		return sleep(w, nil)
	}
	command, known := commands[w.Args[0]]
	if !known {
		say(w.Stderr, "app: no command "+w.Args[0])
		return 127
	}
	return command(w, w.Args[1:])
}

func say(to io.Writer, line string) int {
	if _, err := fmt.Fprintln(to, line); err != nil {
		return 1
	}
	return 0
}

func number(args []string) int {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return 125
	}
	return n
}

// cat copies stdin to stdout until it ends.
func cat(w World, _ []string) int {
	if _, err := io.Copy(w.Stdout, w.Stdin); err != nil {
		say(w.Stderr, err.Error())
		return 1
	}
	return 0
}

// env prints the value of each named variable; of one that is given twice, the last.
func env(w World, args []string) int {
	values := map[string]string{}
	for _, pair := range w.Env {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	for _, name := range args {
		say(w.Stdout, values[name])
	}
	return 0
}

// count prints 1 … n, each on a line of stdout.
func count(w World, args []string) int {
	for i := 1; i <= number(args); i++ {
		say(w.Stdout, strconv.Itoa(i))
	}
	return 0
}

// lines prints "line 1" … "line n", odd ones to stdout and even ones to stderr.
func lines(w World, args []string) int {
	for i := 1; i <= number(args); i++ {
		to := w.Stdout
		if i%2 == 0 {
			to = w.Stderr
		}
		say(to, fmt.Sprintf("line %d", i))
	}
	return 0
}

// sleep prints "up", waits for a signal, prints its name and ends with 0.
func sleep(w World, _ []string) int {
	say(w.Stdout, "up")
	say(w.Stdout, <-w.Signals)
	return 0
}

// stubborn prints the names of the signals that it gets and goes on.
func stubborn(w World, _ []string) int {
	say(w.Stdout, "up")
	for signal := range w.Signals {
		say(w.Stdout, signal)
	}
	return 0
}

// eat takes that many MiB, prints "ate", and sleeps.
func eat(w World, args []string) int {
	w.Allocate(number(args) << 20)
	say(w.Stdout, "ate")
	<-w.Signals
	return 0
}

// terminal waits up to 10 s until the terminal has a size, and prints it as "80x24".
func terminal(w World, _ []string) int {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for range 1000 {
		if width, height := w.Terminal(); width > 0 {
			return say(w.Stdout, fmt.Sprintf("%dx%d", width, height))
		}
		<-again.C
	}
	say(w.Stderr, "no terminal")
	return 1
}

// id prints "uid:gid groups".
func id(w World, _ []string) int {
	groups, err := syscall.Getgroups()
	if err != nil {
		return 1
	}
	return say(w.Stdout, fmt.Sprintf("%d:%d %v", os.Getuid(), os.Getgid(), groups))
}

// read prints a file.
func read(w World, args []string) int {
	content, err := os.ReadFile(args[0])
	if err != nil {
		say(w.Stderr, err.Error())
		return 1
	}
	_, _ = w.Stdout.Write(content)
	return 0
}

// write makes a file with that content.
func write(w World, args []string) int {
	if err := os.WriteFile(args[0], []byte(args[1]), 0o600); err != nil {
		say(w.Stderr, err.Error())
		return 1
	}
	return 0
}
