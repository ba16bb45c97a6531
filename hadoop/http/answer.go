// Package hadoophttp is what the web servers of all daemons share: Hadoop's JSON and
// XML answers and errors, who is calling, the endpoints for operators (/jmx, /conf,
// /stacks, /logs, /logLevel, /metrics), and a server with limits that stops cleanly.
package hadoophttp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Content types of answers.
const (
	typeJSON = "application/json;charset=utf-8"
	typeXML  = "application/xml;charset=utf-8"
)

// Answer writes v with one root key around it, as JSON or, when the caller's Accept header
// prefers it, as XML of the same names. v is a struct or map whose JSON tags give the names;
// a list becomes an array in JSON and repeated elements in XML.
func Answer(w http.ResponseWriter, r *http.Request, status int, root string, v any) {
	write(w, r, status, root, map[string]any{root: v}, v)
}

// AnswerBare is Answer for the few objects that have no root key in JSON; xmlRoot names the XML element.
func AnswerBare(w http.ResponseWriter, r *http.Request, status int, xmlRoot string, v any) {
	write(w, r, status, xmlRoot, v, v)
}

func write(w http.ResponseWriter, r *http.Request, status int, xmlRoot string, jsonBody, xmlBody any) {
	contentType, encode := typeJSON, func() ([]byte, error) { return marshalJSON(jsonBody) }
	if WantsXML(r) {
		contentType, encode = typeXML, func() ([]byte, error) { return marshalXML(xmlRoot, xmlBody) }
	}
	body, err := encode()
	if err != nil {
		http.Error(w, fmt.Sprintf("encoding the answer to %s: %v", r.URL.Path, err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the caller is gone: nobody is left to tell
	}
}

func marshalJSON(v any) ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(b.String(), "\n")), nil
}

// WantsXML is true when the type in Accept that we can write and the caller likes best (q), the first of equals, is XML.
func WantsXML(r *http.Request) bool {
	best, xml := 0.0, false
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		media, parameters, _ := strings.Cut(part, ";")
		likes := 1.0
		for p := range strings.SplitSeq(parameters, ";") {
			if q, ok := strings.CutPrefix(strings.TrimSpace(p), "q="); ok {
				likes, _ = strconv.ParseFloat(q, 64) // 0, not at all, where it is no number
			}
		}
		if likes <= best {
			continue
		}
		switch strings.TrimSpace(media) {
		case "application/json", "*/*", "application/*":
			best, xml = likes, false
		case "application/xml", "text/xml":
			best, xml = likes, true
		}
	}
	return xml
}

// Exception is an error in the shape of Hadoop's web services.
type Exception struct {
	Status  int
	Name    string // simple class name, such as NotFoundException
	Message string
	Class   string // full Java class name
}

func (e *Exception) Error() string { return e.Message }

func yarnException(status int, name, format string, args []any) *Exception {
	return &Exception{status, name, "java.lang.Exception: " + fmt.Sprintf(format, args...), "org.apache.hadoop.yarn.webapp." + name}
}

// NotFound is the 404 for a thing that does not exist.
func NotFound(format string, args ...any) *Exception {
	return yarnException(http.StatusNotFound, "NotFoundException", format, args)
}

// BadRequest is the 400 for a request that makes no sense.
func BadRequest(format string, args ...any) *Exception {
	return yarnException(http.StatusBadRequest, "BadRequestException", format, args)
}

// IllegalArgument is the 400 for an id or number that cannot be read.
func IllegalArgument(format string, args ...any) *Exception {
	e := BadRequest("", args...)
	e.Message = "java.lang.IllegalArgumentException: " + fmt.Sprintf(format, args...)
	return e
}

// NoEnumConstant is the 400 for a word that is none of a Java enum's.
func NoEnumConstant(class, word string) *Exception {
	return Illegal("No enum constant %s.%s", class, word)
}

// Illegal is the 400 of those calls that let Java's own exception pass.
func Illegal(format string, args ...any) *Exception {
	return &Exception{http.StatusBadRequest, "IllegalArgumentException", fmt.Sprintf(format, args...), "java.lang.IllegalArgumentException"}
}

// NotFoundBecause is the 404 whose text begins with the Java exception that caused it.
func NotFoundBecause(class, format string, args ...any) *Exception {
	e := NotFound("")
	e.Message = class + ": " + fmt.Sprintf(format, args...)
	return e
}

// Forbidden is the 403 for a caller who may not do this.
func Forbidden(format string, args ...any) *Exception {
	return yarnException(http.StatusForbidden, "ForbiddenException", format, args)
}

// Conflict is the 409 for a change that another one got ahead of.
func Conflict(format string, args ...any) *Exception {
	return yarnException(http.StatusConflict, "ConflictException", format, args)
}

// NotBuilt is the 501 for what this server does not offer yet; what names it.
func NotBuilt(what string) *Exception {
	return &Exception{http.StatusNotImplemented, "UnsupportedOperationException", what + " is not supported by this server yet", "java.lang.UnsupportedOperationException"}
}

// Fail answers with err: an *Exception as it is, anything else as a 500.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	var e *Exception
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &e):
	case errors.As(err, &tooLarge):
		e = &Exception{http.StatusRequestEntityTooLarge, "BadRequestException", fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit), "org.apache.hadoop.yarn.webapp.BadRequestException"}
	default:
		e = &Exception{http.StatusInternalServerError, "RuntimeException", err.Error(), "java.lang.RuntimeException"}
	}
	Answer(w, r, e.Status, "RemoteException", struct {
		Exception     string `json:"exception"`
		Message       string `json:"message"`
		JavaClassName string `json:"javaClassName"`
	}{e.Name, e.Message, e.Class})
}
