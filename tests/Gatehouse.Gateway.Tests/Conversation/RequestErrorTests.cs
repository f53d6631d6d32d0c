using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Conversation;

public sealed class RequestErrorTests
{
    [Theory]
    [InlineData("""{}""", "model")]
    [InlineData("""{"model":""}""", "model")]
    [InlineData("""{"model":7}""", "model")]
    [InlineData("""{"model":"m"}""", "messages")]
    [InlineData("""{"model":"m","messages":"hi"}""", "messages")]
    [InlineData("""{"model":"m","messages":[]}""", "messages")]
    [InlineData("""{"model":"m","messages":["hi"]}""", "messages[0]")]
    [InlineData("""{"model":"m","messages":[{"role":"robot","content":"hi"}]}""", "messages[0].role")]
    [InlineData("""{"model":"m","messages":[{"role":"user"}]}""", "messages[0].content")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}""", "messages[0].content[0].text")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png,x"}}]}]}""",
        "messages[0].content[0].image_url.url")]
    [InlineData("""{"model":"m","messages":[{"role":"tool","content":"hi"}]}""", "messages[0].tool_call_id")]
    [InlineData("""{"model":"m","messages":[{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f"}}]}]}""",
        "messages[0].tool_calls[0].id")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":2.5}""", "temperature")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":0}""", "max_tokens")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":"yes"}""", "stream")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"hi"}],"stop":[1]}""", "stop[0]")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{}}]}""",
        "tools[0].function.name")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"hi"}],"tool_choice":"any"}""", "tool_choice")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"hi"}],"response_format":{"type":"xml"}}""", "response_format.type")]
    public void A_wrong_chat_request_is_refused_and_the_field_named(string body, string field)
    {
        var problem = Assert.Throws<ProblemException>(() => WireFiles.Chat(body)).Problem;

        Assert.Equal(field, problem.Field);
        Assert.Equal(400, problem.Status);
        Assert.Contains(field, problem.Message);
    }

    [Theory]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"hi"}]}""", "max_tokens")]
    [InlineData("""{"model":"m","max_tokens":1.5,"messages":[{"role":"user","content":"hi"}]}""", "max_tokens")]
    [InlineData("""{"model":"m","max_tokens":9}""", "messages")]
    [InlineData("""{"model":"m","max_tokens":9,"messages":[{"role":"tool","content":"hi"}]}""", "messages[0].role")]
    [InlineData("""{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"tool_result"}]}]}""",
        "messages[0].content[0].tool_use_id")]
    [InlineData("""{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"ftp"}}]}]}""",
        "messages[0].content[0].source.type")]
    [InlineData("""{"model":"m","max_tokens":9,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":"{}"}]}]}""", "messages[0].content[0].input")]
    [InlineData("""{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"system":7}""", "system")]
    [InlineData("""{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"thinking":{"type":"enabled"}}""",
        "thinking.budget_tokens")]
    [InlineData("""{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"tools":[{"name":"f"}]}""",
        "tools[0].input_schema")]
    [InlineData("""{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"tool_choice":{"type":"tool"}}""",
        "tool_choice.name")]
    public void A_wrong_messages_request_is_refused_and_the_field_named(string body, string field)
    {
        var problem = Assert.Throws<ProblemException>(() => WireFiles.Messages(body)).Problem;

        Assert.Equal(field, problem.Field);
        Assert.Equal(400, problem.Status);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not json")]
    [InlineData("[]")]
    [InlineData("{\"model\":\"m\"")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"\ud83d"}]}""")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"\ude00\ud83d"}]}""")]
    [InlineData("""{"model":"m","\ud83dx":1}""")]
    public void A_body_that_is_no_readable_json_object_is_malformed(string body)
    {
        var bytes = Encoding.UTF8.GetBytes(body);

        Assert.Equal("malformed_body", Assert.Throws<ProblemException>(() => ChatRequestReader.Read(bytes)).Problem.Code);
        Assert.Equal("malformed_body", Assert.Throws<ProblemException>(() => MessagesRequestReader.Read(bytes)).Problem.Code);
    }

    [Fact]
    public void Bytes_that_are_not_utf8_are_malformed()
    {
        byte[] body = [.. "{\"model\":\""u8, 0xC3, 0x28, .. "\"}"u8];

        Assert.Equal("malformed_body", Assert.Throws<ProblemException>(() => ChatRequestReader.Read(body)).Problem.Code);
    }

    [Fact]
    public void Deep_nesting_is_refused()
    {
        var body = $$"""{"model":"m","messages":{{new string('[', 200)}}{{new string(']', 200)}}}""";

        Assert.Equal("malformed_body", Assert.Throws<ProblemException>(() => WireFiles.Chat(body)).Problem.Code);
    }

    [Fact]
    public void Paired_surrogates_are_text()
    {
        Assert.Equal("m", WireFiles.Chat("""{"model":"m","messages":[{"role":"user","content":"\ud83d\ude00\\ud83d"}]}""").Model);
    }
}
