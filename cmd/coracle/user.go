package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/duration"
)

// userRoles are those that every server has.
var userRoles = []string{"view", "edit", "admin", "cluster-admin"}

// defaultUserTTL is short: a certificate cannot be taken back.
const defaultUserTTL = 7 * 24 * time.Hour

func newUser() *cobra.Command {
	command := &cobra.Command{
		Use:   "user",
		Short: "Let people in: make a kubeconfig with a certificate, and bind it to a role",
		Long: `A user has a kubeconfig with a certificate that names them, and a binding of that name to a role. The certificate cannot be
revoked before it expires: give it a short --ttl. Without its binding it lets its holder do nothing, as long as it names no group.`,
		Args: cobra.NoArgs,
	}
	command.AddCommand(newUserAdd(), newUserList(), newUserDelete())
	return command
}

// userOptions are the flags of `coracle user add`.
type userOptions struct {
	role, namespace, file string
	groups                []string
	ttl                   time.Duration
}

func newUserAdd() *cobra.Command {
	var connection connection
	var options userOptions
	command := &cobra.Command{
		Use:   "add NAME",
		Short: "Make a user's certificate and kubeconfig, and bind a role",
		Example: `  coracle user add ada --role view > ada.kubeconfig
  coracle user add ada --role admin --namespace shop -o ada.kubeconfig
  coracle user add grace --role cluster-admin --ttl 1h -o grace.kubeconfig`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if err := options.validate(args[0]); err != nil {
				return err
			}
			server, err := connection.open()
			if err != nil {
				return err
			}
			return addUser(command.Context(), server, args[0], options, command.OutOrStdout(), command.ErrOrStderr())
		},
	}
	connection.register(command)
	flags := command.Flags()
	flags.StringVar(&options.role, "role", "", "`role` of the user: view, edit, admin or cluster-admin (default: none but those of its groups)")
	flags.StringVarP(&options.namespace, "namespace", "n", "", "`namespace` in which the role holds (default: all)")
	flags.StringSliceVar(&options.groups, "group", nil, "`groups` that the certificate names")
	flags.DurationVar(&options.ttl, "ttl", defaultUserTTL, "`time` for which the certificate is good, at most a year")
	flags.StringVarP(&options.file, "output", "o", "", "`file` to write the kubeconfig to (default: print it)")
	complete(command, "role", userRoles...)
	return command
}

func (o *userOptions) validate(name string) error {
	switch {
	case strings.HasPrefix(name, "system:"):
		return fmt.Errorf("user %q: names that begin with system: are Kubernetes' own", name)
	case name == "" || len(content.IsPathSegmentName(name)) > 0:
		return fmt.Errorf("user %q: a name is not empty, and has no / or %%", name)
	case o.role != "" && !slices.Contains(userRoles, o.role):
		return fmt.Errorf("--role %q: it is one of %s", o.role, strings.Join(userRoles, ", "))
	case o.role == "" && o.namespace != "":
		return errors.New("--namespace says where a role holds: give --role too")
	case o.role == "" && len(o.groups) == 0:
		return errors.New("a user without rights can do nothing: give --role, or --group")
	case o.ttl < 10*time.Minute || o.ttl > 365*24*time.Hour:
		return fmt.Errorf("--ttl %s: between 10 minutes and a year", o.ttl)
	}
	for _, group := range o.groups {
		if strings.HasPrefix(group, "system:") {
			return fmt.Errorf("--group %q: groups that begin with system: are Kubernetes' own; for all rights there is --role cluster-admin", group)
		}
	}
	return nil
}

func addUser(ctx context.Context, server *remote, name string, options userOptions, out, messages io.Writer) (err error) {
	var file *os.File
	if options.file != "" { // first: what cannot be written should not be made
		if file, err = os.OpenFile(options.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return fmt.Errorf("--output: %w", err)
		}
		defer func() {
			if closed := file.Close(); err == nil {
				err = closed
			}
			if err != nil {
				_ = os.Remove(options.file)
			}
		}()
		out = file
	}
	kubeconfig, expires, err := server.certify(ctx, name, options.groups, options.ttl)
	if err != nil {
		return err
	}
	if options.role != "" {
		if err := server.bindUser(ctx, name, options.role, options.namespace); err != nil {
			return err
		}
	}
	if _, err := out.Write(kubeconfig); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	fmt.Fprintf(messages, "user %s may come in until %s; the certificate cannot be revoked before\n", name, expires.Local().Format("2006-01-02 15:04"))
	return nil
}

func newUserList() *cobra.Command {
	var connection connection
	var format output
	command := &cobra.Command{
		Use: "list", Short: "List the users that have a role", Args: cobra.NoArgs,
		Long: "Lists the roles that coracle user add has bound. Rights by groups, and by bindings made otherwise, are not shown.",
		RunE: func(command *cobra.Command, _ []string) error {
			server, err := connection.open()
			if err != nil {
				return err
			}
			users, err := server.users(command.Context())
			if err != nil {
				return err
			}
			if format == "json" {
				return printJSON(command.OutOrStdout(), users)
			}
			return printUsers(command.OutOrStdout(), users, time.Now())
		},
	}
	connection.register(command)
	format.register(command)
	return command
}

func printUsers(w io.Writer, users []boundUser, now time.Time) error {
	if len(users) == 0 {
		_, err := fmt.Fprintln(w, "there are no users; coracle user add makes one")
		return err
	}
	columns := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(columns, "NAME\tROLE\tNAMESPACE\tAGE")
	for _, user := range users {
		namespace := user.Namespace
		if namespace == "" {
			namespace = "(all)"
		}
		fmt.Fprintf(columns, "%s\t%s\t%s\t%s\n", user.Name, user.Role, namespace, duration.HumanDuration(now.Sub(user.Since)))
	}
	return columns.Flush()
}

func newUserDelete() *cobra.Command {
	var connection connection
	command := &cobra.Command{
		Use: "delete NAME", Short: "Take a user's roles away", Args: cobra.ExactArgs(1),
		Long: `Deletes the bindings that coracle user add has made for the user. The certificate cannot be revoked: it still names the user,
and the groups that it was made with, until it expires.`,
		RunE: func(command *cobra.Command, args []string) error {
			server, err := connection.open()
			if err != nil {
				return err
			}
			removed, err := server.unbindUser(command.Context(), args[0])
			if err != nil {
				return err
			}
			if removed == 0 {
				return fmt.Errorf("user %s has no role by coracle user add; coracle user list shows who has", args[0])
			}
			fmt.Fprintf(command.OutOrStdout(), "user %s has lost %d binding(s)\n", args[0], removed)
			fmt.Fprintln(command.ErrOrStderr(), "Certificates of this user stay good until they expire: they cannot be revoked. What they let do by groups, or by other bindings, stays.")
			return nil
		},
	}
	connection.register(command)
	return command
}
