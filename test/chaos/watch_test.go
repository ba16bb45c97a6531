//go:build interop

package chaos

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// proc is a process of a container.
type proc struct {
	pid, parent, session int
	container            string
	program              string // base name of its first argument
}

// processes lists the containers' processes whose working directory lies below dir.
func processes(dir string) (out []proc) {
	found, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	for _, p := range found {
		cwd, err := os.Readlink(p + "/cwd")
		if err != nil || !strings.HasPrefix(cwd, dir+"/") {
			continue
		}
		environ, err := os.ReadFile(p + "/environ")
		if err != nil {
			continue
		}
		_, rest, ok := bytes.Cut(append([]byte{0}, environ...), []byte("\x00CONTAINER_ID="))
		if !ok {
			continue
		}
		id, _, _ := bytes.Cut(rest, []byte{0})
		pid, err := strconv.Atoi(filepath.Base(p))
		if err != nil {
			continue
		}
		parent, session, ok := family(p)
		if !ok {
			continue
		}
		line, _ := os.ReadFile(p + "/cmdline") // gone meanwhile: no program
		program, _, _ := bytes.Cut(line, []byte{0})
		out = append(out, proc{pid, parent, session, string(id), filepath.Base(string(program))})
	}
	return out
}

// family reads the parent and the session of a process that has not ended.
func family(p string) (parent, session int, ok bool) {
	b, err := os.ReadFile(p + "/stat")
	if err != nil {
		return 0, 0, false
	}
	i := bytes.LastIndexByte(b, ')') // the name may hold blanks
	fields := strings.Fields(string(b[i+1:]))
	if len(fields) < 4 || fields[0] == "Z" {
		return 0, 0, false
	}
	parent, err1 := strconv.Atoi(fields[1])
	session, err2 := strconv.Atoi(fields[3])
	return parent, session, err1 == nil && err2 == nil
}

// watch looks at all containers a few times a second: each has one session, which begins once, beside those that its own
// processes begin (Hadoop's tasks try whether there is a setsid).
type watch struct {
	dir      string
	quit     chan struct{}
	wg       sync.WaitGroup
	mu       sync.Mutex
	sessions map[string]map[int]bool
}

func startWatch(dir string) *watch {
	w := &watch{dir: dir, quit: make(chan struct{}), sessions: map[string]map[int]bool{}}
	w.wg.Go(func() {
		for {
			select {
			case <-w.quit:
				return
			case <-time.After(200 * time.Millisecond):
				w.look()
			}
		}
	})
	return w
}

func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := processes(w.dir)
	within := map[int]string{}
	for _, p := range all {
		within[p.pid] = p.container
	}
	for _, p := range all {
		if p.pid != p.session || within[p.parent] == p.container {
			continue
		}
		if w.sessions[p.container] == nil {
			w.sessions[p.container] = map[int]bool{}
		}
		w.sessions[p.container][p.session] = true
	}
}

func (w *watch) stop() {
	select {
	case <-w.quit:
	default:
		close(w.quit)
	}
	w.wg.Wait()
}

// check reports containers that ran twice, and processes that outlived all applications.
func (w *watch) check(t *testing.T) {
	w.stop()
	if len(w.sessions) == 0 {
		t.Error("no container was ever seen")
	}
	for id, s := range w.sessions {
		if len(s) > 1 {
			t.Errorf("%s ran in %d sessions: %v", id, len(s), s)
		}
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		left := processes(w.dir)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("these processes are left: %+v", left)
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}
