// Command fleet brings up a fleet of real Docker Engines on this machine, for trying things out; package fleet says how.
//
//	bin/fleet up                          the server raspi001, the nodes raspi002 and raspi003; `make fleet`
//	bin/fleet down                        removes every trace of them; `make fleet-down`
//	bin/fleet status
//	bin/fleet off|on|cut|mend MACHINE     takes power or the network from a machine, and gives it back
//	bin/fleet exec MACHINE COMMAND…       runs a command there
//	bin/fleet load IMAGE…                 copies images of this machine's engine to all others
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}
