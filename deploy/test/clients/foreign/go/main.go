// An official Go client as a program (and with the word serve, an official server, server.go): commands as JSON lines on stdin, outcomes as JSON lines on stdout, as client.py beside it describes them.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type command struct {
	ID             int            `json:"id"`
	Do             string         `json:"do"`
	URL            string         `json:"url"`
	Tool           string         `json:"tool"`
	Arguments      map[string]any `json:"arguments"`
	TimeoutSeconds float64        `json:"timeoutSeconds"`
}

type told struct {
	Type    string          `json:"type"`
	Code    *int64          `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
}

type answer struct {
	ID     int   `json:"id"`
	Result any   `json:"result,omitempty"`
	Error  *told `json:"error,omitempty"`
}

var out sync.Mutex

func write(id int, result any, err error) {
	line := answer{ID: id, Result: result}
	if err != nil {
		line.Error = &told{Type: fmt.Sprintf("%T", err), Message: err.Error()}
		var wire *jsonrpc.Error
		if errors.As(err, &wire) {
			line.Error.Type, line.Error.Code, line.Error.Message, line.Error.Data = "jsonrpc.Error", &wire.Code, wire.Message, wire.Data
		}
	}
	bytes, _ := json.Marshal(line)
	out.Lock()
	defer out.Unlock()
	fmt.Println(string(bytes))
}

// ownSession ends the program's session on an answer with another session id than its request: the package adopts whatever id an answer has.
type ownSession struct{}

func (ownSession) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	own, told := request.Header.Get("Mcp-Session-Id"), answer.Header.Get("Mcp-Session-Id")
	if own == "" || told == "" || own == told {
		return answer, nil
	}
	_ = answer.Body.Close()
	err = fmt.Errorf("an answer to session %s carries the session id %s", own, told)
	line, _ := json.Marshal(map[string]any{"id": nil, "error": map[string]any{"type": "ForeignSession", "message": err.Error()}})
	out.Lock()
	defer out.Unlock()
	fmt.Println(string(line))
	return nil, err
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		serveAndExit()
		return
	}
	keepAlive := flag.Int("keep-alive-ms", 0, "how often it pings the server; 0: never")
	flag.Parse()
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<24)
	var session *mcp.ClientSession
	var timeout time.Duration
	for input.Scan() {
		var order command
		if err := json.Unmarshal(input.Bytes(), &order); err != nil {
			write(0, nil, err)
			continue
		}
		if order.Do == "connect" {
			timeout = time.Duration(order.TimeoutSeconds * float64(time.Second))
			client := mcp.NewClient(&mcp.Implementation{Name: "holdfast-test-client", Version: "1.0.0"},
				&mcp.ClientOptions{KeepAlive: time.Duration(*keepAlive) * time.Millisecond})
			opened, err := client.Connect(context.Background(), &mcp.StreamableClientTransport{
				Endpoint: order.URL, HTTPClient: &http.Client{Transport: ownSession{}}}, nil)
			session = opened
			write(order.ID, map[string]any{}, err)
			continue
		}
		go func() {
			limited, cancel := context.WithTimeout(context.Background(), timeout)
			defer cancel()
			if order.Do == "tools" {
				list, err := session.ListTools(limited, nil)
				names := []string{}
				if err == nil {
					for _, tool := range list.Tools {
						names = append(names, tool.Name)
					}
				}
				write(order.ID, names, err)
				return
			}
			result, err := session.CallTool(limited, &mcp.CallToolParams{Name: order.Tool, Arguments: order.Arguments})
			if err != nil {
				write(order.ID, nil, err)
				return
			}
			write(order.ID, map[string]any{"content": result.Content, "isError": result.IsError}, nil)
		}()
	}
}
