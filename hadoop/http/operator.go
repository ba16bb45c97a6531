package hadoophttp

import (
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"strings"
)

// maxStackBytes bounds the answer of /stacks.
const maxStackBytes = 16 << 20

// Stacks answers /stacks with every goroutine's stack as text.
func Stacks(w http.ResponseWriter, _ *http.Request) {
	buf := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= maxStackBytes {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "%d goroutines\n\n%s", runtime.NumGoroutine(), buf)
}

// logLevels maps Hadoop's level names.
var logLevels = map[string]slog.Level{
	"ALL": slog.LevelDebug - 4, "TRACE": slog.LevelDebug - 4, "DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo,
	"WARN": slog.LevelWarn, "ERROR": slog.LevelError, "FATAL": slog.LevelError + 4, "OFF": slog.LevelError + 8,
}

// LogLevel answers /logLevel?log=NAME[&level=LEVEL] so that Hadoop's `daemonlog` command reads it. The
// daemon has one level; mayChange decides who may set it.
func LogLevel(level *slog.LevelVar, mayChange func(*http.Request) bool) http.Handler {
	const marker = "<!-- OUTPUT -->"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, wanted := r.URL.Query().Get("log"), strings.ToUpper(r.URL.Query().Get("level"))
		lines := []string{}
		if name != "" {
			lines = append(lines, "Submitted Class Name: <b>"+html.EscapeString(name)+"</b>")
		}
		if wanted != "" {
			l, ok := logLevels[wanted]
			switch {
			case !mayChange(r):
				http.Error(w, "only an administrator (yarn.admin.acl) may change the log level", http.StatusForbidden)
				return
			case !ok:
				lines = append(lines, "Bad Level : <b>"+html.EscapeString(wanted)+"</b>")
			default:
				level.Set(l)
				lines = append(lines, "Submitted Level: <b>"+wanted+"</b>", "Setting Level to "+wanted+" ...")
			}
		}
		lines = append(lines, "Effective Level: <b>"+level.Level().String()+"</b>")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintln(w, "<!DOCTYPE html><title>Log level</title><h1>Log level</h1>")
		for _, line := range lines {
			fmt.Fprintln(w, marker+line+"<br />")
		}
	})
}

// Logs answers /logs/ with the files of the daemon's log directory. Links that lead out of it are not followed.
// mayRead decides who may.
func Logs(dir string, mayRead func(*http.Request) bool) (http.Handler, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the log directory for /logs/: %w", err)
	}
	files := http.StripPrefix("/logs", http.FileServerFS(root.FS()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !mayRead(r) {
			http.Error(w, "only an administrator may read the daemon's logs", http.StatusForbidden)
			return
		}
		files.ServeHTTP(w, r)
	}), nil
}
