package images

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
)

// unpack downloads the packages and the libraries that they depend on into the directory, and unpacks all into its
// subdirectory tree, as root or not. Nothing is installed.
func unpack(ctx context.Context, directory string, packages []string) (tree string, err error) {
	// A list of packages that is some days old names versions that are gone.
	if _, err := run(ctx, directory, "apt-get", "update", "-qq"); err != nil {
		return "", err
	}
	all, err := withLibraries(ctx, packages)
	if err != nil {
		return "", err
	}
	if _, err := run(ctx, directory, "apt-get", append([]string{"download", "-qq", "-o", "APT::Sandbox::User=root"}, all...)...); err != nil {
		return "", err
	}
	archives, err := filepath.Glob(filepath.Join(directory, "*.deb"))
	if err != nil || len(archives) < len(all) {
		return "", fmt.Errorf("download %q: %d archives are there: %w", all, len(archives), err)
	}
	tree = filepath.Join(directory, "tree")
	for _, archive := range archives {
		if _, err := run(ctx, directory, "dpkg-deb", "--extract", archive, tree); err != nil {
			return "", err
		}
	}
	return tree, nil
}

// library is a dependency on a package of shared libraries, as apt-cache prints it.
var library = regexp.MustCompile(`(?m)^[ |]*(?:Pre)?Depends: (lib[a-z0-9.+-]+|zlib[a-z0-9.+-]+)$`)

// withLibraries adds the libraries that the packages depend on, those that these depend on, and so on.
func withLibraries(ctx context.Context, packages []string) ([]string, error) {
	all := slices.Clone(packages)
	for next := packages; len(next) > 0; {
		output, err := run(ctx, "", "apt-cache", append([]string{"depends"}, next...)...)
		if err != nil {
			return nil, err
		}
		next = nil
		for _, match := range library.FindAllSubmatch(output, -1) {
			if name := string(match[1]); !slices.Contains(all, name) {
				all, next = append(all, name), append(next, name)
			}
		}
	}
	return all, nil
}

func run(ctx context.Context, directory, program string, arguments ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, program, arguments...)
	var out, errs bytes.Buffer
	command.Dir, command.Stdout, command.Stderr = directory, &out, &errs
	command.Env = append(os.Environ(), "LC_ALL=C")
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", program, arguments[0], err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.Bytes(), nil
}
