package org.tinyaudiossl.demo.drawing

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import javax.imageio.ImageIO
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
    val (out, artifact, pcm) = listOf(0, 2, 3).map { File(arguments[it]) }
    val heard = Heard(artifact, samples(pcm), arguments[4])
    for (look in Look.all(Resources(arguments[1]))) {
        ImageIO.write(look.picture("main", shown(look, heard)), "png", File(out, "screen-${look.name}.png"))
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
        sounds = Prototypes(encoder.artifact.sha256, comparison = encoder.comparison).taught(name, teaching.example()!!)
        match = sounds.nearest(last)!!
    }
}

private fun shown(look: Look, heard: Heard): Shown {
    val (match, threshold) = heard.match to heard.sounds.threshold
    val live = Live(
        title = if (match.known) match.name else look.text("unknown"),
        detail = look.text("distance", match.distance, threshold),
        distance = match.distance,
        limit = threshold,
        levels = heard.history.levels(),
        columns = heard.history.columns(),
        levelLabel = look.text("level"),
        embeddingLabel = look.text("embedding"),
    )
    val set = mapOf(
        "status" to look.text("listening", heard.artifact.name),
        "listen" to look.text("stop"),
        "threshold_label" to look.text("threshold", threshold),
        "sounds" to look.text("sounds", heard.sounds.counts.size),
        "clips" to look.text("clips", 0, 0),
    )
    return Shown.main(look.strings, set, look.palette, live, threshold)
}

private fun samples(file: File): FloatArray {
    val floats = ByteBuffer.wrap(file.readBytes()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
    return FloatArray(floats.remaining()).also { floats.get(it) }
}
