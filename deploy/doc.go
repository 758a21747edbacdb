// Package deploy holds what coracle is installed with, and its tests; README.md is for people.
package deploy
