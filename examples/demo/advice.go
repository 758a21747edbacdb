package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"

	"coracle.dev/coracle/examples/demo/repository"
)

// clone makes the work tree from which people push, and brings an old one up to date.
func clone(ctx context.Context, dir string) error {
	tree := filepath.Join(dir, cloneName)
	if _, err := os.Stat(tree); err == nil {
		return git(ctx, "-C", tree, "pull", "--quiet", "--ff-only")
	}
	if err := git(ctx, "clone", "--quiet", filepath.Join(dir, bareName), tree); err != nil {
		return err
	}
	if exec.CommandContext(ctx, "git", "config", "user.email").Run() == nil {
		return nil
	}
	// Without a name of their own people could not commit.
	if err := git(ctx, "-C", tree, "config", "user.name", "You"); err != nil {
		return err
	}
	return git(ctx, "-C", tree, "config", "user.email", "you@example.org")
}

func git(ctx context.Context, arguments ...string) error {
	if output, err := exec.CommandContext(ctx, "git", arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("git %q: %w\n%s", arguments, err, output)
	}
	return nil
}

// advise prints what to try. The commands work as printed, from the directory in which the demo was started, in this order.
func advise(out io.Writer, dir, binary string) error {
	tree := filepath.Join(dir, cloneName)
	web, err := os.ReadFile(filepath.Join(tree, "web.yaml"))
	if err != nil {
		return fmt.Errorf("read the clone: %w", err)
	}
	now, next := versions(string(web))
	data := filepath.Join(dir, dataName)
	_, err = fmt.Fprintf(out, `
All of it runs. Five things to try in another terminal, from this directory:

  1. Push another version:
     sed -i s/web:%[1]s/web:%[2]s/ %[3]s/web.yaml && git -C %[3]s commit -qam "web: %[2]s" && git -C %[3]s push -q
  2. Take it back; the Pods go back to the ReplicaSet of before:
     git -C %[3]s revert --no-edit HEAD && git -C %[3]s push -q
  3. See that the history of the rollouts is that of the commits:
     %[4]s kubectl --data-dir %[5]s rollout history deployment/web
  4. Change by hand what Git says, and see it come back, and who did it:
     %[4]s kubectl --data-dir %[5]s scale deployment/web --replicas 7; sleep 2; %[4]s kubectl --data-dir %[5]s events --for application/default
  5. See what was applied, and how it ended:
     %[4]s status --data-dir %[5]s; %[4]s history --data-dir %[5]s

Ctrl-C stops coracle; the containers go on running.

`, now, next, tree, binary, data)
	return err
}

var webImage = regexp.MustCompile(`image: web:(v\d+)`)

// versions are the one that the manifest runs, and another to push.
func versions(manifest string) (now, next string) {
	all := repository.Versions()
	now = all[len(all)-1]
	if found := webImage.FindStringSubmatch(manifest); found != nil {
		now = found[1]
	}
	return now, all[(slices.Index(all, now)+1)%len(all)]
}
