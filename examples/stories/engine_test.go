package stories

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"coracle.dev/coracle/runtime/enginetest"
)

// TestStoriesOfTheEngine runs the scripts that kill the engine: one of their own, on a machine of its own. They can say
//
//	engine kill|stop|start
func TestStoriesOfTheEngine(t *testing.T) {
	dockerd := enginetest.NewDockerd(t)
	docker := newDocker(t, dockerd.Host)
	loadImages(t, docker)
	do := map[string]func(testing.TB){"kill": dockerd.Kill, "stop": dockerd.Stop, "start": dockerd.Start}
	words := map[string]func(*testscript.TestScript, bool, []string){
		"engine": func(ts *testscript.TestScript, neg bool, args []string) {
			current(ts, neg)
			if len(args) != 1 || do[args[0]] == nil {
				ts.Fatalf("usage: engine kill|stop|start")
			}
			do[args[0]](t)
		},
	}
	for name, word := range commands {
		words[name] = word
	}
	testscript.Run(t, testscript.Params{
		Dir:                "engine",
		Cmds:               words,
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			return setup(env, &story{docker: docker, within: dockerd.Within(env.WorkDir)})
		},
	})
}
