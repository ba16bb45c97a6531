package rpc

import (
	"log/slog"
	"sync"
	"time"
)

const (
	logWindow   = 10 * time.Second
	logInWindow = 20
)

// limitedLog keeps what strangers cause from filling the log: a few lines in each window, then a count.
type limitedLog struct {
	mu         sync.Mutex
	start      time.Time
	lines      int
	suppressed int
}

func (l *limitedLog) warn(log *slog.Logger, msg string, args ...any) {
	n, ok := l.admit(time.Now())
	if n > 0 {
		log.Warn("further connection problems were not logged", "count", n)
	}
	if ok {
		log.Warn(msg, args...)
	}
}

// admit decides on one line, and tells how many were left out in the window that has just ended.
func (l *limitedLog) admit(now time.Time) (leftOut int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.start) >= logWindow {
		leftOut, l.suppressed = l.suppressed, 0
		l.start, l.lines = now, 0
	}
	if l.lines == logInWindow {
		l.suppressed++
		return leftOut, false
	}
	l.lines++
	return leftOut, true
}
