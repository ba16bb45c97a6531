package rendezvous

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Client is an agent's side. It makes one call at a time.
type Client struct {
	address   string
	container string
	secret    []byte
	sequence  uint64
	http      *http.Client
}

// NewClient talks to the ApplicationMaster at address (host:port) for a container.
func NewClient(address, container string, secret []byte) *Client {
	return &Client{address: address, container: container, secret: secret, http: &http.Client{
		// A task's container has no business with proxies or redirects here.
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// ErrRefused says that the ApplicationMaster answered and does not want this container (any more).
var ErrRefused = errors.New("the ApplicationMaster refuses this container")

// Hello asks what to run.
func (c *Client) Hello(ctx context.Context) (*Assignment, error) {
	out := new(Assignment)
	return out, c.call(ctx, "hello", struct{}{}, out)
}

// Ready tells where this task is.
func (c *Client) Ready(ctx context.Context, r Ready) error {
	return c.call(ctx, "ready", r, &struct{}{})
}

// Roster waits until the gang is whole, for as long as one request of the server may take; ask again while it is not.
func (c *Client) Roster(ctx context.Context) (*Roster, error) {
	out := new(Roster)
	return out, c.call(ctx, "roster", struct{}{}, out)
}

// Exit tells how the command ended.
func (c *Client) Exit(ctx context.Context, e Exit) error {
	if len(e.Reason) > MaxReason {
		e.Reason = strings.ToValidUTF8(e.Reason[:MaxReason], "")
	}
	return c.call(ctx, "exit", e, &struct{}{})
}

// Close frees the connection.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// pauses between the tries of a call whose answer did not come: an ApplicationMaster that is only slow or
// cut off for a moment must not cost the task.
var pauses = []time.Duration{200 * time.Millisecond, time.Second, 3 * time.Second, 10 * time.Second, 20 * time.Second}

func (c *Client) call(ctx context.Context, name string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		err := c.once(ctx, name, body, out)
		if err == nil || errors.Is(err, ErrRefused) || ctx.Err() != nil || try == len(pauses) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pauses[try]):
		}
	}
}

const callTimeout = time.Minute

func (c *Client) once(ctx context.Context, name string, body []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c.sequence++
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.address+prefix+name, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(headerContainer, c.container)
	req.Header.Set(headerSequence, strconv.FormatUint(c.sequence, 10))
	req.Header.Set(headerMAC, sign(c.secret, c.container, name, c.sequence, 0, body))
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	answer, err := io.ReadAll(io.LimitReader(resp.Body, MaxReply+1))
	switch {
	case err != nil:
		return fmt.Errorf("reading the ApplicationMaster's answer: %w", err)
	case len(answer) > MaxReply:
		return fmt.Errorf("the ApplicationMaster's answer has more than %d bytes", MaxReply)
	case resp.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%w: it does not know its secret", ErrRefused) // nobody could sign this
	case !signed(resp.Header.Get(headerMAC), c.secret, c.container, name, c.sequence, resp.StatusCode, answer):
		return fmt.Errorf("the answer from %s is not the ApplicationMaster's: its signature is wrong", c.address)
	case resp.StatusCode == http.StatusOK:
		return json.Unmarshal(answer, out)
	case resp.StatusCode == http.StatusConflict:
		return fmt.Errorf("%w: %s", ErrRefused, answer)
	}
	return fmt.Errorf("the ApplicationMaster answered %s: %.500s", resp.Status, answer)
}
