package shell

import (
	"slices"
	"strings"
	"testing"
)

var testOptions = options{
	{name: "list", help: "Lists."},
	{name: "states", arg: "States", count: many, comma: true, help: "In these states."},
	{name: "kill", arg: "ID", count: many, help: strings.TrimSpace(strings.Repeat("word ", 20))},
	{name: "size", arg: "n", help: "Bytes."},
	{name: "fast", arg: "dir", opt: true, help: "May lack its argument."},
}

func TestOptionsAreReadAsHadoopReadsThem(t *testing.T) {
	for _, tc := range []struct {
		line string
		want map[string][]string
		rest []string
		err  string
	}{
		{line: "-list", want: map[string][]string{"list": nil}},
		{line: "--list", want: map[string][]string{"list": nil}},
		{line: "-states A,B C -list", want: map[string][]string{"states": {"A", "B", "C"}, "list": nil}},
		{line: "-states A -states B", want: map[string][]string{"states": {"A", "B"}}},
		{line: "-states=A,B", want: map[string][]string{"states": {"A", "B"}}},
		{line: "-kill a b", want: map[string][]string{"kill": {"a", "b"}}},
		{line: "-size -3", want: map[string][]string{"size": {"-3"}}},
		{line: "-size 3 more", want: map[string][]string{"size": {"3"}}, rest: []string{"more"}},
		{line: "-fast -list", want: map[string][]string{"fast": nil, "list": nil}},
		{line: "-- -list", rest: []string{"-list"}},
		{line: "-size", err: "Missing argument for option: size"},
		{line: "-kill -list", err: "Missing argument for option: kill"},
		{line: "-walk", err: "Unrecognized option: -walk"},
		{line: "-l", err: "Unrecognized option: -l"},
	} {
		p, err := testOptions.parse(strings.Fields(tc.line))
		if tc.err != "" {
			if err == nil || err.Error() != tc.err {
				t.Errorf("%s: %v, want %s", tc.line, err, tc.err)
			}
			continue
		}
		if err != nil || !slices.Equal(p.args, tc.rest) || len(p.values) != len(tc.want) {
			t.Errorf("%s: %v, %v", tc.line, p, err)
		}
		for name, want := range tc.want {
			if !p.has(name) || !slices.Equal(p.values[name], want) {
				t.Errorf("%s: %s is %q, want %q", tc.line, name, p.values[name], want)
			}
		}
	}
}

func FuzzOptions(f *testing.F) {
	for _, s := range []string{"-list", "-states A,B -kill x y", "-size=", "--", "-", "-=x", "---list"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, " ")
		p, err := testOptions.parse(args)
		if err != nil {
			return
		}
		n := len(p.args)
		for _, v := range p.values {
			n += len(v)
		}
		if n > len(line)+1 {
			t.Errorf("%q became %v", line, p)
		}
	})
}

func TestUsageHasHadoopsLayout(t *testing.T) {
	want := `usage: thing
 -fast <dir>        May lack its argument.
 -kill <ID>         word word word word word word word word word word word
                    word word word word word word word word word
 -list              Lists.
 -size <n>          Bytes.
 -states <States>   In these states.
`
	got := testOptions.usage("thing")
	if strings.ReplaceAll(got, " \n", "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestBoxesAreDrawnAsHadoopDrawsThem(t *testing.T) {
	want := `+---------------------------+
|    1 queues were found    |
+------------+--------------+
| Queue Name |  Queue Path  |
+------------+--------------+
|  default   | root.default |
+------------+--------------+
`
	if got := boxed("1 queues were found", []string{"Queue Name", "Queue Path"}, [][]string{{"default", "root.default"}}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSetsHaveTheOrderOfJavas(t *testing.T) {
	for _, tc := range []struct{ in, want string }{ // as HashSet of a JVM printed them
		{"YARN,SPARK", "SPARK YARN"}, {"a,b,c", "a b c"}, {"", ""}, {" x , x,y", "x y"},
	} {
		if got := strings.Join(set(strings.Split(tc.in, ","), func(s string) string { return s }), " "); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.in, got, tc.want)
		}
	}
}
