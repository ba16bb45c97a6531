package hadoophttp

import (
	"encoding/xml"
	"net/http"
	"regexp"
	"strings"

	"heddle/hadoop/conf"
)

// redacted stands for a secret on /conf.
const redacted = "<redacted>"

// defaultSensitive are Hadoop's patterns of keys whose values are never shown.
const defaultSensitive = `secret$
password$
ssl.keystore.pass$
fs.s3.*[Ss]ecret.?[Kk]ey
fs.s3a.*.server-side-encryption.key
fs.s3a.encryption.algorithm
fs.s3a.encryption.key
fs.azure.account.key.*
credential$
oauth.*secret
oauth.*password
oauth.*token
hadoop.security.sensitive-config-keys
xauth$`

type shownProperty struct {
	Key      string `json:"key"`
	Value    string `json:"value"`
	Final    bool   `json:"isFinal"`
	Resource string `json:"resource"`
}

// ConfHandler answers /conf: XML by default, JSON when asked by Accept or format=json, one
// property with name=. Values of secrets are masked (hadoop.security.sensitive-config-keys).
func ConfHandler(c *conf.Config) (http.Handler, error) {
	var sensitive []*regexp.Regexp
	const key = "hadoop.security.sensitive-config-keys"
	for _, p := range strings.FieldsFunc(c.String(key, "")+"\n"+defaultSensitive, func(r rune) bool { return strings.ContainsRune(", \n\t", r) }) {
		re, err := regexp.Compile(p)
		if err != nil {
			return nil, c.Invalid(key, "regular expressions")
		}
		sensitive = append(sensitive, re)
	}
	show := func(key string) shownProperty {
		value, _ := c.Get(key)
		for _, re := range sensitive {
			if re.MatchString(key) {
				value = redacted
				break
			}
		}
		return shownProperty{key, value, c.Final(key), c.Source(key)}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asJSON := r.URL.Query().Get("format") == "json" || r.URL.Query().Get("format") == "" && strings.Contains(r.Header.Get("Accept"), "json")
		keys := c.Keys()
		if name := r.URL.Query().Get("name"); name != "" {
			if _, ok := c.Get(name); !ok {
				http.Error(w, "Property "+name+" not found", http.StatusNotFound)
				return
			}
			if asJSON {
				compactAnswer(w, http.StatusOK, map[string]any{"property": show(name)})
				return
			}
			keys = []string{name}
		}
		shown := make([]shownProperty, len(keys))
		for i, key := range keys {
			shown[i] = show(key)
		}
		if asJSON {
			compactAnswer(w, http.StatusOK, map[string]any{"properties": shown})
			return
		}
		writeConfXML(w, shown)
	}), nil
}

func writeConfXML(w http.ResponseWriter, shown []shownProperty) {
	type property struct {
		Name   string `xml:"name"`
		Value  string `xml:"value"`
		Final  bool   `xml:"final"`
		Source string `xml:"source"`
	}
	out := struct {
		XMLName    xml.Name   `xml:"configuration"`
		Properties []property `xml:"property"`
	}{}
	for _, s := range shown {
		out.Properties = append(out.Properties, property{s.Key, s.Value, s.Final, s.Resource})
	}
	body, err := xml.Marshal(out)
	if err != nil {
		http.Error(w, "encoding the configuration: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = w.Write([]byte(xml.Header))
	_, _ = w.Write(body)
}
