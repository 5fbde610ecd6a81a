package org.tinyaudiossl.demo.drawing

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Locale
import javax.imageio.ImageIO
import kotlin.math.ceil
import org.tinyaudiossl.encoder.Match
import org.tinyaudiossl.encoder.Prototypes
import org.tinyaudiossl.encoder.Teaching
import org.tinyaudiossl.encoder.TinyAudioEncoder
import org.tinyaudiossl.encoder.rms

/**
 * `Render OUT RES ARTIFACT PCM NAME`: the app's screen after a recording whose first two seconds
 * were taught as NAME, in its languages, light and dark, with usual and large text.
 */
fun main(arguments: Array<String>) {
    val (out, res, artifact, pcm) = arguments.map(::File)
    val heard = Heard(artifact, samples(pcm), arguments[4])
    val pictures = listOf(
        Picture("en-light", "values", "values", Palette.LIGHT, 1f),
        Picture("de-dark", "values-de", "values-night", Palette.DARK, 1f),
        Picture("es-large", "values-es", "values", Palette.LIGHT, 1.6f),
    )
    for (picture in pictures) {
        ImageIO.write(picture.drawn(Resources(res), heard), "png", File(out, "screen-${picture.name}.png"))
    }
}

/** What the app knows at the end of the recording. */
private class Heard(val artifact: File, sound: FloatArray, name: String) {
    val history = History()
    val sounds: Prototypes
    val match: Match

    init {
        val teaching = Teaching()
        var last = FloatArray(0)
        val encoder = TinyAudioEncoder.open(artifact.absoluteFile.parentFile, artifact.name)
        for (packet in sound.toList().chunked(1_600).map { it.toFloatArray() }) {
            history.addLevel(rms(packet))
            for (found in encoder.push(packet)) {
                history.addEmbedding(found.vector)
                if (found.endSample <= 32_000) teaching.add(found.learned, rms(packet))
                last = found.learned
            }
        }
        encoder.close()
        sounds = Prototypes(encoder.artifact.sha256).taught(name, teaching.example()!!)
        match = sounds.nearest(last)!!
    }
}

private class Picture(
    val name: String,
    val values: String,
    val theme: String,
    val palette: Palette,
    val fontScale: Float,
) {
    fun drawn(resources: Resources, heard: Heard) = shown(resources, heard).let { shown ->
        val screen = Screen(resources.layout, palette, resources.color(theme, "background"))
        fun draw(heightDp: Int) = ImageSurface(360, heightDp, fontScale = fontScale).let { it to screen.draw(it, shown) }
        val (surface, wanted) = draw(HEIGHT_DP)
        if (wanted <= surface.height) surface.image else draw(ceil(wanted / surface.dp).toInt()).first.image
    }

    private fun shown(resources: Resources, heard: Heard): Shown {
        val texts = resources.strings(values)
        val locale = if (values == "values") Locale.ENGLISH else Locale(values.substringAfter('-'))
        fun text(name: String, vararg of: Any) = texts.getValue(name).format(locale, *of)
        val (match, threshold) = heard.match to heard.sounds.threshold
        val live = Live(
            title = if (match.known) match.name else texts.getValue("unknown"),
            detail = text("distance", match.distance, threshold),
            distance = match.distance,
            limit = threshold,
            levels = heard.history.levels(),
            columns = heard.history.columns(),
            levelLabel = texts.getValue("level"),
            embeddingLabel = texts.getValue("embedding"),
        )
        val set = mapOf(
            "status" to text("listening", heard.artifact.name),
            "listen" to text("stop"),
            "threshold_label" to text("threshold", threshold),
            "sounds" to text("sounds", heard.sounds.counts.size),
            "clips" to text("clips", 0, 0),
        )
        return Shown(live, texts, set, threshold)
    }

    private companion object {
        const val HEIGHT_DP = 780 // of most phones, without the bars
    }
}

private fun samples(file: File): FloatArray {
    val floats = ByteBuffer.wrap(file.readBytes()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
    return FloatArray(floats.remaining()).also { floats.get(it) }
}
