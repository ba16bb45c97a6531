package logs

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"heddle/yarn"
)

// Modes of what a NodeManager makes under the root.
const (
	RootMode = 0o1777
	DirMode  = 0o770
	FileMode = 0o640
)

// TempSuffix marks a file that is still being written.
const TempSuffix = ".tmp"

// Layout says where aggregated logs lie.
type Layout struct {
	Root   string // yarn.nodemanager.remote-app-log-dir, a URI or path
	Suffix string // with the controller's name, "logs-tfile"
}

// NewLayout is the layout of the TFile controller for the values of
// yarn.nodemanager.remote-app-log-dir and yarn.nodemanager.remote-app-log-dir-suffix.
func NewLayout(root, suffix string) Layout {
	return Layout{Root: strings.TrimRight(root, "/"), Suffix: suffix + "-tfile"}
}

// Dirs are the directories from the user's down to the application's, in the order to make them.
func (l Layout) Dirs(user string, app yarn.ApplicationID) []string {
	u := l.Root + "/" + user
	bucket := u + "/bucket-" + l.Suffix
	number := bucket + "/" + fmt.Sprintf("%04d", app.ID%10000)
	return []string{u, bucket, number, number + "/" + app.String()}
}

// AppDir is the application's directory.
func (l Layout) AppDir(user string, app yarn.ApplicationID) string {
	d := l.Dirs(user, app)
	return d[len(d)-1]
}

// OldAppDir is where Hadoop before 3.3 put an application's logs; readers look there too.
func (l Layout) OldAppDir(user string, app yarn.ApplicationID) string {
	return path.Join("/", l.Root, user, strings.TrimSuffix(l.Suffix, "-tfile"), app.String())
}

// NodeFile is the name of a node's file.
func NodeFile(n yarn.NodeID) string { return n.Host + "_" + strconv.Itoa(int(n.Port)) }

// Entry is one log file as text, in the frame that `yarn logs` prints.
type Entry struct {
	Container string
	Node      string // as the file name has it, host_port, or host:port where the log is local
	Kind      string // Aggregated or Local
	Name      string
	Size      int64
	Modified  time.Time
	Running   bool // adds the notice that more may come
}

// Kinds of entries.
const (
	Aggregated = "AGGREGATED"
	Local      = "LOCAL"
)

// TimeForm is java.util.Date's text with a numeric zone, as LogsCLI shows it.
const TimeForm = "Mon Jan 02 15:04:05 -0700 2006"

// WriteText frames body, the entry's Size bytes or a part of them, as `yarn logs` does.
func WriteText(w io.Writer, e Entry, body io.Reader) error {
	b := bufio.NewWriter(w)
	title := "Container: " + e.Container + " on " + e.Node
	fmt.Fprintf(b, "%s\nLogAggregationType: %s\n%s\n", title, e.Kind, strings.Repeat("=", len(title)))
	fmt.Fprintf(b, "LogType:%s\nLogLastModifiedTime:%s\nLogLength:%d\nLogContents:\n", e.Name, e.Modified.Format(TimeForm), e.Size)
	if _, err := io.Copy(b, body); err != nil {
		return err
	}
	if e.Kind != Local { // as Hadoop: a NodeManager writes its own logs' frame right behind them
		fmt.Fprintln(b)
	}
	fmt.Fprintf(b, "End of LogType:%s", e.Name)
	if e.Running {
		fmt.Fprintf(b, ".This log file belongs to a running container (%s) and so may not be complete.", e.Container)
	}
	fmt.Fprintf(b, "\n%s\n\n", strings.Repeat("*", len("End of LogType:")+len(e.Name)+50))
	return b.Flush()
}
