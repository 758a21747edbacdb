// Package machine readies this machine for the demo and the tests: a Docker Engine that answers, and the programs that
// they call.
//
//	look ──Facts──▶ plan ──Steps──▶ do            a fresh Debian, as root: install, start
//	                  └────error                  anywhere else: one line that says what to do
//
// What enters: the names of Debian packages. What leaves: a machine that has them. Nothing is done where nothing is missing.
package machine
