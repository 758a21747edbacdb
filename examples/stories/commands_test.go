package stories

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"coracle.dev/coracle/examples/demo/repository"
)

// commands are what scripts can say beside testscript's own words.
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	// serve [FLAG...] starts the story's daemon, and returns when it is ready. With no source among the flags, it is
	// the repository that the story made.
	"serve": func(ts *testscript.TestScript, neg bool, args []string) { ts.Check(current(ts, neg).serve(ts, args)) },
	// kill9 ends the daemon as a crash does, stop as systemd does; both return when it is gone.
	"kill9": func(ts *testscript.TestScript, neg bool, _ []string) { ts.Check(current(ts, neg).stop(os.Kill)) },
	"stop":  func(ts *testscript.TestScript, neg bool, _ []string) { ts.Check(current(ts, neg).stop(os.Interrupt)) },
	// repository [VERSION] makes shop.git, the demo's repository up to that version of web, and its clone shop.
	"repository": makeRepository,
	// push SUBJECT commits all that is changed in shop, and pushes it.
	"push": push,
	// git-host USER PASSWORD serves the story's repositories over HTTP, at $GIT_HOST, to that user only.
	"git-host": gitHost,
	// kill-container ID ends a container on the engine, behind coracle's back.
	"kill-container": func(ts *testscript.TestScript, neg bool, args []string) {
		ts.Check(current(ts, neg).docker.ContainerKill(context.Background(), args[0], "KILL"))
	},
	// small-disk DIR MIB makes the directory a disk of its own; fill-disk DIR leaves little of it.
	"small-disk": smallDisk,
	"fill-disk":  fillDisk,
	// capture NAME COMMAND [ARGUMENT...] keeps what the command prints in the variable.
	"capture": capture,
	// name NAME COMMAND [ARGUMENT...] does so too, and calls it by that name in what prints compares.
	"name": name,
}

type storyKey struct{}

// current is the story of the script. None of the commands has a meaning with "!".
func current(ts *testscript.TestScript, neg bool) *story {
	if neg {
		ts.Fatalf("this command cannot be negated")
	}
	return ts.Value(storyKey{}).(*story)
}

func makeRepository(ts *testscript.TestScript, neg bool, args []string) {
	current(ts, neg)
	version := "v3"
	if len(args) > 0 {
		version = args[0]
	}
	// An hour ago, so that the commits of the story come after it.
	_, err := repository.Create(ts.MkAbs("shop.git"), version, time.Now().Add(-time.Hour))
	ts.Check(err)
	ts.Check(ts.Exec("git", "clone", "--quiet", "shop.git", "shop"))
}

func push(ts *testscript.TestScript, neg bool, args []string) {
	current(ts, neg)
	if len(args) != 1 {
		ts.Fatalf("usage: push SUBJECT")
	}
	ts.Check(ts.Exec("git", "-C", "shop", "add", "--all"))
	ts.Check(ts.Exec("git", "-C", "shop", "commit", "--quiet", "--allow-empty", "--message", args[0]))
	ts.Check(ts.Exec("git", "-C", "shop", "push", "--quiet"))
}

func capture(ts *testscript.TestScript, neg bool, args []string) {
	current(ts, neg)
	if len(args) < 2 {
		ts.Fatalf("usage: capture NAME COMMAND [ARGUMENT...]")
	}
	ts.Check(ts.Exec(args[1], args[2:]...))
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// hasSource says whether the flags of `coracle serve` name one.
func hasSource(args []string) bool {
	for _, arg := range args {
		if arg == "--repo" || arg == "--dir" || strings.HasPrefix(arg, "--repo=") || strings.HasPrefix(arg, "--dir=") {
			return true
		}
	}
	return false
}

func serveArguments(ts *testscript.TestScript, args []string) []string {
	all := []string{"serve", "--data-dir", filepath.Join(ts.Getenv("WORK"), "data"), "--listen", "127.0.0.1:" + ts.Getenv("PORT"),
		"--node-name", ts.Getenv("NODE"), "--pod-network", ts.Getenv("NODE"), "--pod-cidr", ts.Getenv("CIDR"), "--poll", "@every 1s"}
	if !hasSource(args) {
		all = append(all, "--repo", ts.MkAbs("shop.git"))
	}
	return append(all, args...)
}
