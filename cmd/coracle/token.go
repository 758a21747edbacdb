package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	bootstrapapi "k8s.io/cluster-bootstrap/token/api"
	tokenutil "k8s.io/cluster-bootstrap/token/util"
	bootstrapsecrets "k8s.io/cluster-bootstrap/util/secrets"
)

func newToken() *cobra.Command {
	command := &cobra.Command{
		Use:   "token",
		Short: "Make, list and delete the tokens with which machines join",
		Long: `A machine joins with a token: it proves to the server that the machine may, and carries the hash by which the machine knows
the server. Tokens are Kubernetes' bootstrap tokens, Secrets named bootstrap-token-… in the namespace kube-system, and expire.
What a machine gets for its token is a certificate of its own: it needs the token once.`,
		Args: cobra.NoArgs,
	}
	command.AddCommand(newTokenCreate(), newTokenList(), newTokenDelete())
	return command
}

func newTokenCreate() *cobra.Command {
	var connection connection
	var format output
	var ttl time.Duration
	var description string
	command := &cobra.Command{
		Use:   "create",
		Short: "Make a token, print it, and say how a machine joins with it",
		Example: `  coracle token create
  coracle token create --ttl 1h --description "rack 3"
  ssh raspi002 coracle node --server https://raspi001:6443 --token "$(coracle token create)"`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if ttl < time.Minute {
				return fmt.Errorf("--ttl %s: at least a minute", ttl)
			}
			server, err := connection.open()
			if err != nil {
				return err
			}
			made, err := server.createToken(command.Context(), description, time.Now().Add(ttl))
			if err != nil {
				return err
			}
			if format == "json" {
				return printJSON(command.OutOrStdout(), made)
			}
			fmt.Fprintf(command.ErrOrStderr(), "On the machine that joins, before %s:\n\n  coracle node --server %s --token %s\n\n", made.Expires.Local().Format("2006-01-02 15:04"), made.Server, made.Token)
			if loopback(made.Server) {
				fmt.Fprintf(command.ErrOrStderr(), "The server listens on this machine only. For others to reach it: coracle serve --listen ADDRESS:6443\n\n")
			}
			_, err = fmt.Fprintln(command.OutOrStdout(), made.Token)
			return err
		},
	}
	connection.register(command)
	format.register(command)
	command.Flags().DurationVar(&ttl, "ttl", 24*time.Hour, "`time` after which it expires")
	command.Flags().StringVar(&description, "description", "", "`text` for token list")
	return command
}

// madeToken is what `coracle token create -o json` prints.
type madeToken struct {
	ID      string    `json:"id"`
	Token   string    `json:"token"`
	Server  string    `json:"server"`
	CAHash  string    `json:"caHash"`
	Expires time.Time `json:"expires"`
}

func (r *remote) createToken(ctx context.Context, description string, expires time.Time) (madeToken, error) {
	ca, err := r.authority()
	if err != nil {
		return madeToken{}, err
	}
	bootstrap, err := tokenutil.GenerateBootstrapToken()
	if err != nil {
		return madeToken{}, fmt.Errorf("draw a token: %w", err)
	}
	id, secret, _ := strings.Cut(bootstrap, ".")
	expires = expires.UTC().Truncate(time.Second)
	stored := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: tokenutil.BootstrapTokenSecretName(id)},
		Type:       bootstrapapi.SecretTypeBootstrapToken,
		StringData: map[string]string{
			bootstrapapi.BootstrapTokenIDKey: id, bootstrapapi.BootstrapTokenSecretKey: secret,
			bootstrapapi.BootstrapTokenExpirationKey:       expires.Format(time.RFC3339),
			bootstrapapi.BootstrapTokenUsageAuthentication: "true",
		},
	}
	if description != "" {
		stored.StringData[bootstrapapi.BootstrapTokenDescriptionKey] = description
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if _, err := r.typed.CoreV1().Secrets(metav1.NamespaceSystem).Create(ctx, stored, metav1.CreateOptions{}); err != nil {
		return madeToken{}, r.explain(err)
	}
	return madeToken{ID: id, Token: joinToken(bootstrap, ca), Server: r.address, CAHash: hashCA(ca), Expires: expires}, nil
}

func newTokenList() *cobra.Command {
	var connection connection
	var format output
	command := &cobra.Command{
		Use: "list", Short: "List the tokens", Args: cobra.NoArgs,
		Long: "Lists the tokens by their ids. Their secrets are not shown: who has lost one makes a new token.",
		RunE: func(command *cobra.Command, _ []string) error {
			server, err := connection.open()
			if err != nil {
				return err
			}
			tokens, err := server.tokens(command.Context(), time.Now())
			if err != nil {
				return err
			}
			if format == "json" {
				return printJSON(command.OutOrStdout(), tokens)
			}
			return printTokens(command.OutOrStdout(), tokens, time.Now())
		},
	}
	connection.register(command)
	format.register(command)
	return command
}

// listedToken is one of `coracle token list -o json`.
type listedToken struct {
	ID          string     `json:"id"`
	Expires     *time.Time `json:"expires,omitempty"`
	Expired     bool       `json:"expired"`
	Description string     `json:"description,omitempty"`
}

func (r *remote) tokens(ctx context.Context, now time.Time) ([]listedToken, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	secrets, err := r.typed.CoreV1().Secrets(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{FieldSelector: "type=" + string(bootstrapapi.SecretTypeBootstrapToken)})
	if err != nil {
		return nil, r.explain(err)
	}
	tokens := []listedToken{}
	for i := range secrets.Items {
		secret := &secrets.Items[i]
		token := listedToken{
			ID: bootstrapsecrets.GetData(secret, bootstrapapi.BootstrapTokenIDKey), Expired: bootstrapsecrets.HasExpired(secret, now),
			Description: bootstrapsecrets.GetData(secret, bootstrapapi.BootstrapTokenDescriptionKey),
		}
		if at, err := time.Parse(time.RFC3339, bootstrapsecrets.GetData(secret, bootstrapapi.BootstrapTokenExpirationKey)); err == nil {
			token.Expires = &at
		}
		tokens = append(tokens, token)
	}
	slices.SortFunc(tokens, func(a, b listedToken) int { return strings.Compare(a.ID, b.ID) })
	return tokens, nil
}

func printTokens(w io.Writer, tokens []listedToken, now time.Time) error {
	if len(tokens) == 0 {
		_, err := fmt.Fprintln(w, "there are no tokens; coracle token create makes one")
		return err
	}
	columns := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(columns, "ID\tEXPIRES\tDESCRIPTION")
	for _, token := range tokens {
		expires := "never"
		switch {
		case token.Expired:
			expires = "expired"
		case token.Expires != nil:
			expires = "in " + duration.HumanDuration(token.Expires.Sub(now))
		}
		fmt.Fprintf(columns, "%s\t%s\t%s\n", token.ID, expires, oneLine(token.Description))
	}
	return columns.Flush()
}

func newTokenDelete() *cobra.Command {
	var connection connection
	command := &cobra.Command{
		Use: "delete ID...", Short: "Delete tokens: no further machine joins with them", Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			server, err := connection.open()
			if err != nil {
				return err
			}
			for _, given := range args {
				id, _, _ := strings.Cut(given, ".") // a whole token is fine too
				if err := server.deleteToken(command.Context(), id); err != nil {
					return err
				}
				fmt.Fprintf(command.OutOrStdout(), "token %s deleted\n", id)
			}
			return nil
		},
	}
	connection.register(command)
	return command
}

func (r *remote) deleteToken(ctx context.Context, id string) error {
	if !tokenutil.IsValidBootstrapTokenID(id) {
		return errors.New("a token's id has 6 lower-case letters or digits; coracle token list shows them")
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err := r.typed.CoreV1().Secrets(metav1.NamespaceSystem).Delete(ctx, tokenutil.BootstrapTokenSecretName(id), metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("there is no token %s; coracle token list shows them", id)
	}
	return r.explain(err)
}
