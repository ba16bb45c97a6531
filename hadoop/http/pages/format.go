package pages

import (
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
)

var shared = template.FuncMap{
	"when": When, "took": Took, "gb": GB, "iso": func(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) },
	"count": Count, "add": func(a, b int) int { return a + b },
}

// When is a moment (ms) in the daemon's time zone; 0 is none.
func When(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).Format("2006-01-02 15:04:05")
}

// Took is the time from one moment to another (ms), to now where that one is 0, in two units at most.
func Took(from, to, now int64) string {
	if from == 0 {
		return ""
	}
	if to == 0 {
		to = now
	}
	d := time.Duration(max(0, to-from)) * time.Millisecond
	switch {
	case d < time.Second:
		return strconv.Itoa(int(d.Milliseconds())) + " ms"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return two(d, time.Minute, "min", time.Second, "s")
	case d < 24*time.Hour:
		return two(d, time.Hour, "h", time.Minute, "min")
	}
	return two(d, 24*time.Hour, "d", time.Hour, "h")
}

func two(d, large time.Duration, l string, small time.Duration, s string) string {
	text := strconv.Itoa(int(d/large)) + " " + l
	if rest := int(d % large / small); rest > 0 {
		text += " " + strconv.Itoa(rest) + " " + s
	}
	return text
}

// GB is an amount of MB as GB, with at most two decimals below 10.
func GB(mb int64) string {
	decimals := 2
	if mb >= 10<<10 {
		decimals = 1
	}
	s := strconv.FormatFloat(float64(mb)/1024, 'f', decimals, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// Memory is an amount of MB in the unit that people would take.
func Memory(mb int64) string {
	if mb > 0 && mb < 1<<10 {
		return strconv.FormatInt(mb, 10) + " MB"
	}
	return GB(mb) + " GB"
}

// Amount is a number of something, of which there may be no limit.
func Amount(n int64, what string) string {
	if n == math.MaxInt64 {
		return "any number of " + what
	}
	return strconv.FormatInt(n, 10) + " " + what
}

// Count is a number with its thousands apart.
func Count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// Percent is part of whole from 0 to 100, 0 of nothing.
func Percent(part, whole int64) int64 {
	if whole <= 0 {
		return 0
	}
	return min(100, max(0, part)*100/whole)
}

// BarOf is a bar of part of whole.
func BarOf(part, whole int64) *Bar {
	p := Percent(part, whole)
	return &Bar{p, strconv.FormatInt(p, 10) + " %"}
}

// Cut shortens a text to n bytes at most, at a rune's border.
func Cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "") + "…"
}
