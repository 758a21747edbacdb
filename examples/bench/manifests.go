package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// deployment is a manifest of a Deployment whose Pods are one container each, stopped at once when deleted.
func deployment(name, image string, replicas int) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: %[1]s
spec:
  replicas: %[3]d
  selector:
    matchLabels: {app: %[1]s}
  strategy:
    rollingUpdate: {maxSurge: 100%%, maxUnavailable: 0}
  template:
    metadata:
      labels: {app: %[1]s}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: main
        image: %[2]s
`, name, image, replicas)
}

func configMap(name string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  key: value\n", name)
}

// write puts documents into one file of a directory, which is made.
func write(dir, file string, documents ...string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, file), []byte(strings.Join(documents, "---\n")), 0o644)
}
