package shell

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Of a daemon's /logLevel page, the lines with this mark are for programs, without their tags.
const levelMark = "<!-- OUTPUT -->"

var tags = regexp.MustCompile(`<[^>]*>`)

// maxPage bounds what a daemon's page may hold.
const maxPage = 1 << 20

const daemonlogUsage = `Usage: Command options are:
	[-getlevel <host:port> <classname> [-protocol (http|https)]
	[-setlevel <host:port> <classname> <level> [-protocol (http|https)]
`

// daemonlog is `yarn daemonlog`: it asks a daemon's web server for the level of its log, or sets it.
func (c *Command) daemonlog(ctx context.Context, args []string) error {
	usage := refusal{err: daemonlogUsage, code: exitRefused}
	protocol := "http"
	if n := len(args); n >= 2 && args[n-2] == "-protocol" {
		protocol, args = args[n-1], args[:n-2]
	}
	if protocol == "https" {
		return fmt.Errorf("-protocol https is not offered: Heddle's daemons serve http only")
	}
	if protocol != "http" {
		return usage
	}
	query := ""
	switch {
	case len(args) == 3 && args[0] == "-getlevel":
		query = "log=" + url.QueryEscape(args[2])
	case len(args) == 4 && args[0] == "-setlevel":
		query = "log=" + url.QueryEscape(args[2]) + "&level=" + url.QueryEscape(args[3])
	default:
		return usage
	}
	where := protocol + "://" + args[1] + "/logLevel?" + query
	if _, err := fmt.Fprintln(c.Out, "Connecting to "+where); err != nil {
		return err
	}
	body, err := c.page(ctx, where)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // only read
	in := bufio.NewScanner(io.LimitReader(body, maxPage))
	in.Buffer(nil, maxPage)
	for in.Scan() {
		if strings.Contains(in.Text(), levelMark) {
			if _, err := fmt.Fprintln(c.Out, tags.ReplaceAllString(in.Text(), "")); err != nil {
				return err
			}
		}
	}
	return in.Err()
}

// pageTimeout bounds a request to a daemon's web server.
const pageTimeout = 30 * time.Second

// page gets a page as the command's user.
func (c *Command) page(ctx context.Context, where string) (io.ReadCloser, error) {
	u, err := url.Parse(where)
	if err != nil {
		return nil, err
	}
	q := u.Query()
	q.Set("user.name", c.User)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json, text/plain, text/html")
	resp, err := (&http.Client{Timeout: pageTimeout}).Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close() //nolint:errcheck // only read
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 512))
		return nil, fmt.Errorf("%s answered %s: %s", where, resp.Status, strings.TrimSpace(string(b)))
	}
	return resp.Body, nil
}
