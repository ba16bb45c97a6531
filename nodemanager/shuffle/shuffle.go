// Package shuffle is the auxiliary service mapreduce_shuffle: it serves map outputs to
// reducers over HTTP, to those who prove with an HMAC that they know the job's secret.
package shuffle

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"heddle/executor"
	"heddle/hadoop/security"
	"heddle/nodemanager/recovery"
	"heddle/yarn"
)

// Name is the service's name in yarn.nodemanager.aux-services.
const Name = "mapreduce_shuffle"

// Finder looks for a path below every local directory.
type Finder interface {
	FindFile(rel string) (string, error)
}

// Config sets a Server up.
type Config struct {
	Address        string // mapreduce.shuffle.listen.address:mapreduce.shuffle.port
	MaxConnections int    // mapreduce.shuffle.max.connections; 0: no limit
	KeepAlive      bool   // mapreduce.shuffle.connection-keep-alive.enable
	KeepAliveTime  time.Duration
	Files          Finder
	// Account is who a user's map outputs belong to, nil for this process's own user; without it all do.
	Account func(user string) (*executor.Account, error)
	Journal *recovery.Journal // nil: jobs are not remembered over a restart
	Log     *slog.Logger
}

// Server owns the jobs' secrets. It is safe for concurrent use.
type Server struct {
	cfg      Config
	http     *http.Server
	listener net.Listener
	stopped  chan struct{}

	mu   sync.RWMutex // guards jobs
	jobs map[string]job

	Stats Stats
}

// Stats counts what was served.
type Stats struct {
	OK, Failed, Bytes, Connections atomic.Int64
}

type job struct {
	user   string
	owner  *executor.Account
	app    yarn.ApplicationID
	secret []byte
}

// Start listens and serves.
func Start(cfg Config) (*Server, error) {
	l, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; mapreduce.shuffle.port chooses another port", Name, err)
	}
	s := &Server{cfg: cfg, listener: l, stopped: make(chan struct{}), jobs: map[string]job{}}
	s.http = &http.Server{Handler: s, IdleTimeout: cfg.KeepAliveTime, ReadHeaderTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug)}
	go func() {
		defer close(s.stopped)
		if err := s.http.Serve(&limited{Listener: l, s: s}); !errors.Is(err, http.ErrServerClosed) {
			cfg.Log.Error("the shuffle service ended", "error", err)
		}
	}()
	return s, nil
}

// Close stops serving.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.stopped
	return err
}

// Port is the port that is listened on.
func (s *Server) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// Meta is the service's meta data for AMs and containers: the port.
func (s *Server) Meta() []byte { return binary.BigEndian.AppendUint32(nil, uint32(s.Port())) }

// InitApp takes an application's secret out of the service data of one of its containers: a job
// token, whose password is the shuffle's secret.
func (s *Server) InitApp(user string, app yarn.ApplicationID, data []byte) error {
	t, err := security.ParseToken(data)
	if err != nil {
		return fmt.Errorf("service data of %s for %s: %w", Name, app, err)
	}
	var owner *executor.Account
	if s.cfg.Account != nil {
		if owner, err = s.cfg.Account(user); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.jobs[jobID(app)]; !ok || old.user != user || !bytes.Equal(old.secret, t.Password) {
		s.cfg.Journal.Note(recovery.Put(keyJob+app.String(), savedJob{user, data}))
	}
	s.jobs[jobID(app)] = job{user, owner, app, t.Password}
	return nil
}

// savedJob is a job in the journal.
type savedJob struct {
	User string
	Data []byte
}

const keyJob = "shuffle/"

// Recover takes over the jobs of an earlier NodeManager, so that their outputs are served at once.
func (s *Server) Recover() error {
	return recovery.Load(s.cfg.Journal, keyJob, func(name string, j savedJob) error {
		app, err := yarn.ParseApplicationID(name)
		if err != nil {
			return fmt.Errorf("record of a job: %w", err)
		}
		if err := s.InitApp(j.User, app, j.Data); err != nil {
			s.cfg.Log.Warn("a job's outputs are not served any more", "application", name, "error", err)
		}
		return nil
	})
}

// StopApp forgets an application; the files go with its directory.
func (s *Server) StopApp(app yarn.ApplicationID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.jobs, jobID(app))
	s.cfg.Journal.Note(recovery.Delete(keyJob + app.String()))
}

func jobID(app yarn.ApplicationID) string {
	return "job_" + strings.TrimPrefix(app.String(), "application_")
}

// limited refuses connections above the limit before any request is read.
type limited struct {
	net.Listener
	s *Server
}

const tooMany = "HTTP/1.1 429 TOO MANY REQUESTS\r\nRetry-After: 1000\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		n := l.s.Stats.Connections.Add(1)
		if limit := int64(l.s.cfg.MaxConnections); limit == 0 || n <= limit {
			return &counted{Conn: c, n: &l.s.Stats.Connections}, nil
		}
		l.s.Stats.Connections.Add(-1)
		go refuse(c)
	}
}

func refuse(c net.Conn) {
	defer c.Close() //nolint:errcheck // refused anyway
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return
	}
	_, _ = c.Write([]byte(tooMany)) // the peer may be gone: nothing to do about it
}

type counted struct {
	net.Conn
	n    *atomic.Int64
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.n.Add(-1) })
	return c.Conn.Close()
}
