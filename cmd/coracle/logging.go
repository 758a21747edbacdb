package main

import (
	"io"
	"os"
	"time"

	"github.com/go-logr/logr"
	"github.com/rs/zerolog"
	"golang.org/x/term"
	"google.golang.org/grpc/grpclog"
	"k8s.io/klog/v2"
)

// newLogger logs for people on a terminal, and JSON lines elsewhere. What libraries log goes the same way, errors only:
// what they call informative is about themselves.
func newLogger(level zerolog.Level) zerolog.Logger {
	var out io.Writer = os.Stderr
	if isTerminal(os.Stderr) {
		out = zerolog.ConsoleWriter{Out: os.Stderr, TimeFormat: time.TimeOnly}
	}
	zerolog.DurationFieldUnit, zerolog.DurationFieldInteger = time.Millisecond, false
	logger := zerolog.New(out).Level(level).With().Timestamp().Logger()
	klog.SetLoggerWithOptions(logr.New(errorSink{logger: logger}), klog.ContextualLogger(true))
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	return logger
}

// errorSink is a logr.LogSink that keeps errors.
type errorSink struct{ logger zerolog.Logger }

// Init implements logr.LogSink.
func (s errorSink) Init(logr.RuntimeInfo) {}

// Enabled implements logr.LogSink: information is dropped.
func (s errorSink) Enabled(int) bool { return false }

// Info implements logr.LogSink.
func (s errorSink) Info(int, string, ...any) {}

// Error implements logr.LogSink.
func (s errorSink) Error(err error, message string, fields ...any) {
	s.logger.Error().Err(err).Fields(fields).Msg(message)
}

// WithValues implements logr.LogSink.
func (s errorSink) WithValues(fields ...any) logr.LogSink {
	return errorSink{logger: s.logger.With().Fields(fields).Logger()}
}

// WithName implements logr.LogSink.
func (s errorSink) WithName(name string) logr.LogSink {
	return errorSink{logger: s.logger.With().Str("library", name).Logger()}
}

func isTerminal(file *os.File) bool { return term.IsTerminal(int(file.Fd())) }
