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

// Stacks answers /stacks with StackDump.
func Stacks(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(StackDump()) // the client may be gone
}

// StackDump is every goroutine's stack as text, 16 MiB at most.
func StackDump() []byte {
	buf := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= maxStackBytes {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	return fmt.Appendf(nil, "%d goroutines\n\n%s\n", runtime.NumGoroutine(), buf)
}

// logLevels maps Hadoop's level names.
var logLevels = map[string]slog.Level{
	"ALL": slog.LevelDebug - 4, "TRACE": slog.LevelDebug - 4, "DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo,
	"WARN": slog.LevelWarn, "ERROR": slog.LevelError, "FATAL": slog.LevelError + 4, "OFF": slog.LevelError + 8,
}

// Operator is what a daemon's process has for whoever runs it: its log.
type Operator struct {
	Level  *slog.LevelVar // of the daemon's log; nil: it cannot be changed
	LogDir string         // where the log's files are; empty: nowhere that is known (HADOOP_LOG_DIR)
}

// Register adds /logLevel and /logs to a daemon's pages; may decides who administers the daemon.
func (o Operator) Register(m *Mux, may func(*http.Request) bool) error {
	if o.Level != nil {
		m.Handle("GET /logLevel", LogLevel(o.Level, may))
	}
	if o.LogDir == "" {
		return nil
	}
	logs, err := Logs(o.LogDir, may)
	if err == nil {
		m.Handle("GET /logs/", logs)
	}
	return err
}

// levelName is Hadoop's name of a level.
func levelName(l slog.Level) string {
	switch {
	case l < slog.LevelDebug:
		return "TRACE"
	case l > slog.LevelError+4:
		return "OFF"
	case l > slog.LevelError:
		return "FATAL"
	}
	return l.String()
}

// LogLevel answers /logLevel?log=NAME[&level=LEVEL] so that Hadoop's `daemonlog` command reads it. The
// daemon has one level, whatever NAME is; mayChange decides who may set it.
func LogLevel(level *slog.LevelVar, mayChange func(*http.Request) bool) http.Handler {
	const marker = "<!-- OUTPUT -->" // what the client prints, without its tags
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, wanted := r.URL.Query().Get("log"), strings.ToUpper(r.URL.Query().Get("level"))
		var lines []string
		if name != "" {
			lines = append(lines, "Submitted Class Name: <b>"+html.EscapeString(name)+"</b>", "Log Class: <b>log/slog.Logger</b>")
		}
		if name != "" && wanted != "" {
			if !mayChange(r) {
				http.Error(w, "only an administrator (yarn.admin.acl) may change the log level", http.StatusForbidden)
				return
			}
			lines = append(lines, "Submitted Level: <b>"+html.EscapeString(wanted)+"</b>")
			if l, ok := logLevels[wanted]; ok {
				level.Set(l)
				lines = append(lines, "Setting Level to "+wanted+" ...")
			} else {
				lines = append(lines, "Bad Level : <b>"+html.EscapeString(wanted)+"</b>")
			}
		}
		if name != "" {
			lines = append(lines, "Effective Level: <b>"+levelName(level.Level())+"</b>")
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintln(w, "<!DOCTYPE html><title>Log level</title><h1>Log level</h1>")
		for _, line := range lines {
			fmt.Fprintln(w, marker+line+"<br />")
		}
		fmt.Fprintf(w, `<p>Now: %s. The daemon has one level for all of its log.</p><form><input type="hidden" name="log" value="root"><input name="level" placeholder="DEBUG"> <button>Set</button></form>`, levelName(level.Level()))
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
			http.Error(w, "only an administrator (yarn.admin.acl) may read the daemon's logs", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8") // what a log quotes is no page
		files.ServeHTTP(w, r)
	}), nil
}
