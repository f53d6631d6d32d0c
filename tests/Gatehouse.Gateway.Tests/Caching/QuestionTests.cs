using Gatehouse.Gateway.Caching;

namespace Gatehouse.Gateway.Tests.Caching;

public sealed class QuestionTests
{
    [Fact]
    public void The_wide_product_is_the_plain_one_at_every_length()
    {
        var random = new Random(1);
        for (var length = 0; length < 200; length++)
        {
            var (a, b) = (Any(random, length), Any(random, length));

            Assert.Equal(Question.DotScalar(a, b), Question.Dot(a, b), 4f);
        }
    }

    [Fact]
    public void Similarity_is_the_cosine()
    {
        Assert.Equal(1f, Of([3, 4])!.Similarity(Of([6, 8])!), 0.0001f);
        Assert.Equal(0f, Of([1, 0])!.Similarity(Of([0, 1])!), 0.0001f);
        Assert.Equal(-1f, Of([1, 2])!.Similarity(Of([-1, -2])!), 0.0001f);
    }

    [Fact]
    public void What_cannot_be_compared_is_not_similar()
    {
        Assert.Equal(0f, Of([1, 0])!.Similarity(Of([1, 0, 0])!));
        Assert.Equal(0f, Of([1, 0])!.Similarity(Of([1, 0], "other")!));
        Assert.Equal(0f, Of([1, 0])!.Similarity(Question.Of(new CacheKey(2, 0, 0, 0), "m", [1, 0])!));
        Assert.Null(Of([0, 0]));
        Assert.Null(Of([float.MaxValue, float.MaxValue]));
    }

    private static Question? Of(float[] vector, string model = "m") => Question.Of(new CacheKey(1, 0, 0, 0), model, vector);

    private static float[] Any(Random random, int length) => [.. Enumerable.Range(0, length).Select(_ => (random.NextSingle() * 2) - 1)];
}
