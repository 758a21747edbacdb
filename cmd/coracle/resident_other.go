//go:build !linux

package main

func forgetText() {}
