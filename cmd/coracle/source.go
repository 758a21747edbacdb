package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/pflag"

	"coracle.dev/coracle/gitsource"
	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

// sourceOptions are the flags that say where manifests come from.
type sourceOptions struct {
	repo   string
	branch string
	dir    string
	path   string
	// credentials of the repository
	username, passwordFile, sshKey, knownHosts string
}

func (o *sourceOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.repo, "repo", "", "`URL` of the Git repository of the manifests, or its path: file://, http(s)://, ssh://, user@host:path")
	flags.StringVar(&o.branch, "branch", "", "`branch`, tag or full commit of the repository (default: its HEAD)")
	flags.StringVar(&o.dir, "dir", "", "`directory` of manifests, instead of a repository")
	flags.StringVar(&o.path, "path", "", "`subdirectory` of the repository or directory that holds the manifests")
	flags.StringVar(&o.username, "git-username", "", "user `name` for an http(s) repository")
	flags.StringVar(&o.passwordFile, "git-password-file", "", "`file` with the password or token for an http(s) repository")
	flags.StringVar(&o.sshKey, "git-ssh-key", "", "private key `file` for an ssh repository (default: the agent's, then ~/.ssh)")
	flags.StringVar(&o.knownHosts, "git-known-hosts", "", "`file` of known ssh hosts (default: ~/.ssh/known_hosts)")
}

// validate refuses what cannot be meant.
func (o *sourceOptions) validate() error {
	switch {
	case o.repo != "" && o.dir != "":
		return errors.New("--repo and --dir exclude each other")
	case o.dir != "" && o.branch != "":
		return errors.New("--branch is for --repo; a --dir is taken as it is")
	case o.dir != "" && o.username+o.passwordFile+o.sshKey+o.knownHosts != "":
		return errors.New("the --git-… flags are for --repo; a --dir needs no credentials")
	}
	return nil
}

// gitCredentials open the repositories of all Applications.
type gitCredentials struct {
	username, password, passwordFile string
	sshKey, knownHosts               string
}

var fullCommit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// source is what the flags ask for. A password in the URL stays with the process: it is nowhere stored or shown.
func (o *sourceOptions) source() (v1alpha1.ApplicationSource, gitCredentials, error) {
	credentials := gitCredentials{username: o.username, passwordFile: o.passwordFile, sshKey: o.sshKey, knownHosts: o.knownHosts}
	source := v1alpha1.ApplicationSource{Path: o.path}
	if o.dir != "" {
		dir, err := filepath.Abs(o.dir)
		if err != nil {
			return source, credentials, fmt.Errorf("--dir: %w", err)
		}
		source.Dir = dir
		return source, credentials, nil
	}
	source.Repo = o.repo
	if parsed, err := url.Parse(o.repo); err == nil && parsed.User != nil && (parsed.Scheme == "http" || parsed.Scheme == "https") {
		credentials.username = parsed.User.Username()
		credentials.password, _ = parsed.User.Password()
		parsed.User = nil
		source.Repo = parsed.String()
	} else if _, err := os.Stat(o.repo); err == nil { // a path of this machine
		if source.Repo, err = filepath.Abs(o.repo); err != nil {
			return source, credentials, fmt.Errorf("--repo: %w", err)
		}
	}
	setRef(&source, o.branch)
	return source, credentials, nil
}

// applyTo changes a source to what the flags say of it, all or only ref and path, and leaves the rest as it is.
func (o *sourceOptions) applyTo(source *v1alpha1.ApplicationSource) (gitCredentials, error) {
	wanted, credentials, err := o.source()
	if err != nil || o.repo+o.dir != "" {
		*source = wanted
		return credentials, err
	}
	if o.branch != "" {
		if source.Dir != "" {
			return credentials, errors.New("--branch is for repositories; the application's source is the directory " + source.Dir)
		}
		setRef(source, o.branch)
	}
	if o.path != "" {
		source.Path = o.path
	}
	return credentials, nil
}

// setRef follows a branch or tag by its name, or one commit.
func setRef(source *v1alpha1.ApplicationSource, ref string) {
	source.Branch, source.Tag, source.Commit = ref, "", ""
	if fullCommit.MatchString(ref) {
		source.Branch, source.Commit = "", ref
	}
}

// openSource is the source of an Application. cache is a directory of its own.
func openSource(spec v1alpha1.ApplicationSpec, cache string, credentials gitCredentials) (gitsource.Source, error) {
	from := spec.Source
	if from.Dir != "" {
		return gitsource.NewDirectory(gitsource.DirectoryOptions{Dir: from.Dir, Path: from.Path})
	}
	options := gitsource.GitOptions{
		URL: from.Repo, Ref: from.Branch + from.Tag + from.Commit, Path: from.Path, CacheDir: cache, Schedule: spec.Schedule,
		Username: credentials.username, Password: credentials.password, PasswordFile: credentials.passwordFile, KeyFile: credentials.sshKey,
	}
	if credentials.knownHosts != "" {
		options.KnownHostsFiles = []string{credentials.knownHosts}
	}
	return gitsource.NewGit(options)
}
