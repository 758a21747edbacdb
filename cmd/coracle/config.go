package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

// readConfig sets the flags that a YAML file has as its keys, except those that the command line has: it wins. Lists are for
// flags that may be repeated, maps for those of the form key=value.
func readConfig(path string, flags *pflag.FlagSet) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read --config: %w", err)
	}
	values := map[string]any{}
	if err := yaml.UnmarshalStrict(data, &values); err != nil {
		return fmt.Errorf("read --config %s: %w", path, err)
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		flag := flags.Lookup(key)
		if flag == nil || key == "config" || key == "help" {
			return fmt.Errorf("read --config %s: unknown key %q; the keys are the flags that coracle serve --help lists", path, key)
		}
		if flag.Changed {
			continue
		}
		text, err := flagText(flag.Value.Type(), values[key])
		if err == nil {
			err = flags.Set(key, text)
		}
		if err != nil {
			return fmt.Errorf("read --config %s: %s: %w", path, key, err)
		}
	}
	return nil
}

// flagText is a YAML value as it would be written on the command line for a flag of that type.
func flagText(flagType string, value any) (string, error) {
	switch v := value.(type) {
	case []any:
		if flagType != "stringSlice" {
			return "", fmt.Errorf("takes one value, not a list")
		}
		parts := make([]string, len(v))
		for i, item := range v {
			var err error
			if parts[i], err = scalarText(item); err != nil {
				return "", err
			}
		}
		return strings.Join(parts, ","), nil
	case map[string]any:
		if flagType != "stringToString" {
			return "", fmt.Errorf("takes one value, not a map")
		}
		parts := make([]string, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			text, err := scalarText(v[key])
			if err != nil {
				return "", fmt.Errorf("%s: %w", key, err)
			}
			parts = append(parts, key+"="+text)
		}
		return strings.Join(parts, ","), nil
	}
	return scalarText(value)
}

func scalarText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case nil:
		return "", fmt.Errorf("has no value")
	}
	return "", fmt.Errorf("a list or map has no meaning here")
}
