// Package shell is what `heddle yarn` prints: applications, attempts, containers, nodes and queues, with the
// options and the output of Hadoop's yarn command, so that scripts which read that read this.
package shell

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/conf"
	"heddle/yarn"
	"heddle/yarn/client"
	"heddle/yarn/wire"
)

// Shell speaks to one ResourceManager.
type Shell struct {
	RM    *client.ApplicationClient
	Types *yarn.ResourceTypes
	Out   io.Writer
	Now   func() time.Time // time.Now where nil
}

func (s *Shell) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// Open connects to the ResourceManager of a configuration.
func Open(c *conf.Config, user string, out io.Writer) (*Shell, error) {
	types, err := conf.ResourceTypes(c)
	if err != nil {
		return nil, err
	}
	cc, err := client.NewConfig(c, user)
	if err != nil {
		return nil, err
	}
	rm, err := cc.ApplicationClient()
	if err != nil {
		return nil, err
	}
	return &Shell{RM: rm, Types: types, Out: out}, nil
}

// Close ends the connection.
func (s *Shell) Close() error { return s.RM.Close() }

// text collects lines and is written at once.
type text struct{ strings.Builder }

func (t *text) line(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

// say prints one line.
func (s *Shell) say(format string, args ...any) error {
	_, err := fmt.Fprintf(s.Out, format+"\n", args...)
	return err
}

func (s *Shell) print(t *text) error {
	_, err := io.WriteString(s.Out, t.String())
	return err
}

// javaFloat is how Java writes a float: the shortest digits, and always a point.
func javaFloat(f float32) string {
	if f == float32(math.Trunc(float64(f))) && math.Abs(float64(f)) < 1e7 {
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprint(f)
}

// javaTime is the form of Java's date texts in these tables.
func javaTime(ms int64) string {
	if ms == 0 {
		return "N/A"
	}
	return time.UnixMilli(ms).Format("Mon Jan 02 15:04:05 -0700 2006")
}

// percent is Java's DecimalFormat("###.##%"): at most two digits after the point, rounded half to even.
func percent(f float32) string {
	return strconv.FormatFloat(math.RoundToEven(float64(f)*1e4)/100, 'f', -1, 64) + "%"
}

// twoDigits is Java's DecimalFormat("#.00"), which writes no zero before the point.
func twoDigits(f float32) string {
	s := strconv.FormatFloat(float64(f), 'f', 2, 64)
	return strings.Replace(strings.TrimPrefix(s, "0"), "-0.", "-.", 1)
}

// resource is Hadoop's form of amounts: <memory:1024, vCores:1, yarn.io/gpu: 2>, types without any left out.
func (s *Shell) resource(p *yarnpb.ResourceProto) (string, error) {
	r, err := wire.ResourceFrom(p, s.Types)
	return s.Types.Format(r), err
}

func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return s
}

func (s *Shell) report(ctx context.Context, id yarn.ApplicationID) (*yarnpb.ApplicationReportProto, error) {
	resp, err := s.RM.GetApplicationReport(ctx, &yarnpb.GetApplicationReportRequestProto{ApplicationId: wire.AppID(id)})
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", id, err)
	}
	return resp.GetApplicationReport(), nil
}
