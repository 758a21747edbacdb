package v1alpha1

//go:generate go tool deepcopy-gen --output-file zz_generated.deepcopy.go .
