// Package manifests holds the demo's manifests, as they are in the first commits of its repository.
package manifests

import "embed"

// Files are settings.yaml, web.yaml and worker.yaml.
//
//go:embed *.yaml
var Files embed.FS
