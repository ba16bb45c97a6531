//go:build interop

// Package browser drives a real Chromium without a window, over a pipe and in its own DevTools protocol: it opens
// pages as on a screen of a given size and tells what they asked for and complained about.
package browser

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// program is what test/setup/browser.sh installs, and what others call it.
var programs = []string{"chromium", "chromium-browser", "google-chrome"}

// Browser is a running browser with one tab. It is used by one goroutine.
type Browser struct {
	cmd     *exec.Cmd
	to      *os.File
	dir     string
	session string
	next    int

	mu       sync.Mutex
	waiting  map[int]chan reply
	loaded   chan struct{}
	trouble  []string // what the console, the network and the page complained about
	requests []string
	dead     error
}

type reply struct {
	ID        int             `json:"id"`
	Method    string          `json:"method"`
	Params    json.RawMessage `json:"params"`
	Result    json.RawMessage `json:"result"`
	SessionID string          `json:"sessionId"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// Start starts a browser; ctx ends it.
func Start(ctx context.Context) (*Browser, error) {
	program := ""
	for _, name := range programs {
		if p, err := exec.LookPath(name); err == nil {
			program = p
			break
		}
	}
	if program == "" {
		return nil, errors.New("no Chromium is installed; test/setup/browser.sh installs it")
	}
	dir, err := os.MkdirTemp("", "heddle-browser-")
	if err != nil {
		return nil, err
	}
	in, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	from, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	b := &Browser{to: to, dir: dir, waiting: map[int]chan reply{}, loaded: make(chan struct{}, 16)}
	b.cmd = exec.CommandContext(ctx, program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-extensions", "--hide-scrollbars", "--remote-debugging-pipe", "--user-data-dir="+dir, "about:blank")
	b.cmd.ExtraFiles = []*os.File{in, out}
	b.cmd.WaitDelay = 10 * time.Second
	if err := b.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	_, _ = in.Close(), out.Close() // the browser's ends
	go b.read(from)
	return b, b.open(ctx)
}

// open makes the tab and listens to it.
func (b *Browser) open(ctx context.Context) error {
	var tab struct{ TargetID string }
	if err := b.call(ctx, "Target.createTarget", map[string]any{"url": "about:blank"}, &tab); err != nil {
		return err
	}
	var s struct{ SessionID string }
	if err := b.call(ctx, "Target.attachToTarget", map[string]any{"targetId": tab.TargetID, "flatten": true}, &s); err != nil {
		return err
	}
	b.session = s.SessionID
	for _, domain := range []string{"Page", "Runtime", "Network", "Log"} {
		if err := b.call(ctx, domain+".enable", nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends the browser.
func (b *Browser) Stop() error {
	err := b.to.Close() // it ends with its pipe
	if e := b.cmd.Wait(); e != nil && err == nil {
		var exit *exec.ExitError
		if !errors.As(e, &exit) {
			err = e
		}
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}

func (b *Browser) read(from io.ReadCloser) {
	defer from.Close() //nolint:errcheck // only read
	in := bufio.NewReader(from)
	for {
		line, err := in.ReadBytes(0)
		if err != nil {
			b.mu.Lock()
			b.dead = fmt.Errorf("the browser is gone: %w", err)
			for _, w := range b.waiting {
				close(w)
			}
			b.waiting = nil
			b.mu.Unlock()
			return
		}
		var r reply
		if json.Unmarshal(line[:len(line)-1], &r) != nil {
			continue
		}
		b.mu.Lock()
		if w := b.waiting[r.ID]; r.ID > 0 && w != nil {
			delete(b.waiting, r.ID)
			w <- r
		}
		b.event(r)
		b.mu.Unlock()
	}
}

// event notes what the tab tells.
func (b *Browser) event(r reply) {
	var p struct {
		Type             string
		Request          struct{ URL string }
		Entry            struct{ Level, Text, URL string }
		ExceptionDetails struct{ Text string }
		Response         struct {
			URL    string
			Status int
		}
		ErrorText string
		Args      []struct{ Value any }
	}
	if r.Method == "" || len(r.Params) == 0 || json.Unmarshal(r.Params, &p) != nil {
		return
	}
	switch r.Method {
	case "Page.loadEventFired":
		select {
		case b.loaded <- struct{}{}:
		default:
		}
	case "Network.requestWillBeSent":
		b.requests = append(b.requests, p.Request.URL)
	case "Network.responseReceived":
		if p.Response.Status >= 400 {
			b.trouble = append(b.trouble, fmt.Sprintf("%s: status %d", p.Response.URL, p.Response.Status))
		}
	case "Network.loadingFailed":
		b.trouble = append(b.trouble, "a request failed: "+p.ErrorText)
	case "Log.entryAdded":
		if p.Entry.Level == "error" || p.Entry.Level == "warning" {
			b.trouble = append(b.trouble, p.Entry.Text+" "+p.Entry.URL)
		}
	case "Runtime.exceptionThrown":
		b.trouble = append(b.trouble, p.ExceptionDetails.Text)
	case "Runtime.consoleAPICalled":
		if p.Type == "error" || p.Type == "warning" {
			b.trouble = append(b.trouble, fmt.Sprint("console: ", p.Args))
		}
	}
}

func (b *Browser) call(ctx context.Context, method string, params, result any) error {
	b.mu.Lock()
	if b.dead != nil {
		defer b.mu.Unlock()
		return b.dead
	}
	b.next++
	id, got := b.next, make(chan reply, 1)
	b.waiting[id] = got
	b.mu.Unlock()
	m := map[string]any{"id": id, "method": method}
	if params != nil {
		m["params"] = params
	}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if _, err := b.to.Write(append(line, 0)); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case r, ok := <-got:
		if !ok {
			return b.dead
		}
		if r.Error != nil {
			return fmt.Errorf("%s: %s", method, r.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(r.Result, result)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// Screen makes the tab a screen of that many pixels; a phone's has touch and no scroll bars.
func (b *Browser) Screen(ctx context.Context, width, height int, phone, dark bool) error {
	scheme := map[bool]string{true: "dark", false: "light"}[dark]
	return errors.Join(b.call(ctx, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}, nil),
		b.call(ctx, "Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]string{"name": "prefers-color-scheme", "value": scheme}}}, nil))
}

// Seen is what opening a page brought.
type Seen struct {
	Trouble  []string // errors and warnings of console and network
	Requests []string // every address that was asked for
}

// Open opens a page and waits until it is loaded.
func (b *Browser) Open(ctx context.Context, url string) (Seen, error) {
	return b.loading(ctx, url, func() error {
		var nav struct{ ErrorText string }
		err := b.call(ctx, "Page.navigate", map[string]any{"url": url}, &nav)
		if err == nil && nav.ErrorText != "" {
			err = errors.New(nav.ErrorText)
		}
		return err
	})
}

// Do runs script in the page, which makes it load another, and waits for that.
func (b *Browser) Do(ctx context.Context, script string) (Seen, error) {
	return b.loading(ctx, script, func() error { return b.Eval(ctx, script, nil) })
}

func (b *Browser) loading(ctx context.Context, what string, start func() error) (Seen, error) {
	b.mu.Lock()
	b.trouble, b.requests = nil, nil
	for len(b.loaded) > 0 {
		<-b.loaded
	}
	b.mu.Unlock()
	if err := start(); err != nil {
		return Seen{}, fmt.Errorf("%s: %w", what, err)
	}
	select {
	case <-b.loaded:
	case <-ctx.Done():
		return Seen{}, fmt.Errorf("%s was not loaded: %w", what, ctx.Err())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return Seen{b.trouble, b.requests}, nil
}

// Eval computes a JavaScript expression in the page.
func (b *Browser) Eval(ctx context.Context, expression string, into any) error {
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Text string }
	}
	if err := b.call(ctx, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &r); err != nil {
		return err
	}
	if r.ExceptionDetails != nil {
		return fmt.Errorf("%s: %s", expression, r.ExceptionDetails.Text)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(r.Result.Value, into)
}

// Picture writes the whole page to a PNG file.
func (b *Browser) Picture(ctx context.Context, file string) error {
	var r struct{ Data string }
	if err := b.call(ctx, "Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &r); err != nil {
		return err
	}
	png, err := base64.StdEncoding.DecodeString(r.Data)
	if err != nil {
		return err
	}
	return os.WriteFile(file, png, 0o644)
}
