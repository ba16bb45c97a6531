package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	hadoophttp "heddle/hadoop/http"
)

// daemonSignals gives a daemon the signals of a Java one. HUP, of a terminal that goes away, ends the returned context as
// TERM does, unless nohup has it ignored; QUIT writes every goroutine's stack to out and ends nothing; a reader of the
// daemon's output that goes away (a tee, a journal that restarts) costs it that output and not its life.
func daemonSignals(ctx context.Context, out io.Writer) (context.Context, context.CancelFunc) {
	// Not ignored: containers would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	quit := make(chan os.Signal, 1)
	signal.Notify(quit, syscall.SIGQUIT)
	go func() {
		for range quit {
			_, _ = out.Write(hadoophttp.StackDump()) // there may be nobody left who reads it
		}
	}()
	if signal.Ignored(syscall.SIGHUP) {
		return ctx, func() {}
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}
