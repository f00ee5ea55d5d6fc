package main

import (
	"context"
	"flag"
	"net/http"
	"os"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type pause struct {
	Ms float64 `json:"ms,omitempty" jsonschema:"how long it works"`
}

type counted struct {
	Steps int `json:"steps,omitempty" jsonschema:"how many steps it takes"`
}

type nothing struct{}

func text(words string) (*mcp.CallToolResult, any, error) {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: words}}}, nil, nil
}

// serve is an official Go server with the tools of deploy/test/field/servers/server.py.
func serve(arguments []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	port := flags.String("port", "0", "where it listens")
	name := flags.String("name", "go", "what whoami answers")
	keepAlive := flags.Int("keep-alive-ms", 0, "how often it pings the client; 0: never")
	stateless := flags.Bool("stateless", false, "no session ids")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	safe := &mcp.ToolAnnotations{ReadOnlyHint: true}
	work := func(_ context.Context, _ *mcp.CallToolRequest, in pause) (*mcp.CallToolResult, any, error) {
		time.Sleep(time.Duration(in.Ms * float64(time.Millisecond)))
		return text(*name)
	}
	create := func(*http.Request) *mcp.Server {
		server := mcp.NewServer(&mcp.Implementation{Name: "field", Version: "1"},
			&mcp.ServerOptions{KeepAlive: time.Duration(*keepAlive) * time.Millisecond})
		mcp.AddTool(server, &mcp.Tool{Name: "whoami", Annotations: safe},
			func(context.Context, *mcp.CallToolRequest, nothing) (*mcp.CallToolResult, any, error) {
				return text(*name)
			})
		mcp.AddTool(server, &mcp.Tool{Name: "slow", Annotations: safe}, work)
		mcp.AddTool(server, &mcp.Tool{Name: "write"}, work)
		mcp.AddTool(server, &mcp.Tool{Name: "count", Annotations: safe},
			func(ctx context.Context, request *mcp.CallToolRequest, in counted) (*mcp.CallToolResult, any, error) {
				for step := 1; step <= in.Steps; step++ {
					if token := request.Params.GetProgressToken(); token != nil {
						_ = request.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
							ProgressToken: token, Progress: float64(step), Total: float64(in.Steps)})
					}
					time.Sleep(50 * time.Millisecond)
				}
				return text("counted")
			})
		return server
	}
	handler := mcp.NewStreamableHTTPHandler(create, &mcp.StreamableHTTPOptions{Stateless: *stateless})
	mux := http.NewServeMux()
	mux.Handle("/mcp", handler)
	return http.ListenAndServe("127.0.0.1:"+*port, mux)
}

func serveAndExit() {
	if err := serve(os.Args[2:]); err != nil {
		println(err.Error())
		os.Exit(1)
	}
}
