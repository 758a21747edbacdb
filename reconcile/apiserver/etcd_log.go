package apiserver

import (
	"errors"

	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
)

// etcdErrors is a zapcore.Core that passes on etcd's errors. The last one before it ends the process is the only one that says why.
type etcdErrors struct {
	zapcore.LevelEnabler
	fields []zapcore.Field
}

func newEtcdErrors() zapcore.Core { return etcdErrors{LevelEnabler: zapcore.DPanicLevel} }

// With implements zapcore.Core.
func (e etcdErrors) With(fields []zapcore.Field) zapcore.Core {
	return etcdErrors{e.LevelEnabler, append(e.fields[:len(e.fields):len(e.fields)], fields...)}
}

// Check implements zapcore.Core.
func (e etcdErrors) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if e.Enabled(entry.Level) {
		return checked.AddCore(entry, e)
	}
	return checked
}

// Write implements zapcore.Core.
func (e etcdErrors) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	encoder := zapcore.NewMapObjectEncoder()
	for _, field := range append(e.fields[:len(e.fields):len(e.fields)], fields...) {
		field.AddTo(encoder)
	}
	cause, _ := encoder.Fields["error"].(string)
	klog.ErrorS(errors.New(cause), "etcd: "+entry.Message)
	return nil
}

// Sync implements zapcore.Core.
func (e etcdErrors) Sync() error { return nil }
