// vector_pkg: what the blocks of the vector engine tell each other; the commands are those of accel_models.commands.
`default_nettype none
package vector_pkg;
  // A module uses some of these, not all.
  // verilator lint_off UNUSEDPARAM
  localparam logic [3:0] KindRequantize = 4'd0;   // the value that enters the requantizer: a sum of the accumulators
  localparam logic [3:0] KindRange      = 4'd1;   //   the same, its largest absolute value goes into a register
  localparam logic [3:0] KindAdd        = 4'd2;   //   a
  localparam logic [3:0] KindMultiply   = 4'd3;   //   (a - zero_a) * (b - zero_b)
  localparam logic [3:0] KindRescale    = 4'd4;   //   a - zero_a
  localparam logic [3:0] KindSelect     = 4'd5;   //   a where b is zero_b, else 0
  localparam logic [3:0] KindMaximum    = 4'd6;   //   the largest of the window
  localparam logic [3:0] KindAverage    = 4'd7;   //   the sum of the window
  localparam logic [3:0] KindPlace      = 4'd8;   //   the number of the window's first tap that is the largest
  localparam logic [3:0] KindSum        = 4'd9;   //   a * 2^up_a + b * 2^up_b
  localparam logic [3:0] KindUpdate     = 4'd10;  //   a sum; the result is subtracted from a master
  localparam logic [3:0] KindLoad       = 4'd11;  //   none: words from the scratchpad go to registers
  localparam logic [3:0] KindStore      = 4'd12;  //   none: words of registers go to the scratchpad
  localparam logic [3:0] KindSet        = 4'd13;  //   none
  localparam logic [3:0] KindCompare    = 4'd14;  //   none: marks of patches go where a list in the scratchpad says
  localparam logic [3:0] KindList       = 4'd15;  //   none: entries of a row list go to the scratchpad, counts to registers
  // verilator lint_on UNUSEDPARAM

  // A command as all blocks see it: loops, operands, factors, output. Where a class has no such field, a neutral value.
  typedef struct packed {
    logic  [3:0] kind;
    logic        empty;        // nothing to go over: ends at once, or begins with its counts
    logic        illegal;      // a field that golden refuses
    logic        reads;        // operands come from the scratchpad: the window, or the residual
    logic        second;       // the window's second column is operand b, a third one operand c
    logic        sums;         // operands come from the accumulators
    logic        inner;        // column groups are the loop inside a pixel, not around all
    logic  [3:0] words;        // of the parameter block of a group: all factors, biases, or none; inner: a row's list entry
    logic        add;          // the second stage adds b
    logic        table_used;
    logic        training;     // the sum is exact and clipped, a shift may be 0
    logic        mask;         // it is 0 where the last operand is 0 or less
    logic        wide;         // masters have 16 bits: a window of four steps reads two vectors and writes three
    logic        subtract;     // the scaled sum is subtracted
    logic        unwritten;    // nothing goes to the scratchpad
    logic        to_register;  // a scalar is a result
    logic        positive;     // of a range: the largest value, not the largest magnitude
    logic [11:0] height;
    logic [11:0] width;
    logic [15:0] columns;
    logic  [7:0] kernel_height;
    logic  [7:0] kernel_width;
    logic [19:0] input_address;       // operand a, window or residual
    logic [19:0] input_row_stride;
    logic [15:0] input_pixel_stride;
    logic [15:0] input_height;
    logic [15:0] input_width;
    logic [15:0] origin_y;            // signed
    logic [15:0] origin_x;
    logic  [7:0] stride_y;
    logic  [7:0] stride_x;
    logic [19:0] b_address;
    logic [19:0] b_row_stride;
    logic [15:0] b_pixel_stride;
    logic [19:0] c_address;
    logic [19:0] c_row_stride;
    logic [15:0] c_pixel_stride;
    logic  [4:0] up_a;                // signed
    logic  [4:0] up_b;
    logic [19:0] output_address;
    logic [19:0] output_row_stride;
    logic [15:0] output_pixel_stride;
    logic [11:0] accumulator;
    logic [19:0] parameters;
    logic [19:0] table_address;
    logic [31:0] bias;                // factors of the requantizer, unless per channel
    logic [30:0] mult;
    logic  [5:0] shift;
    logic [30:0] bound;
    logic [31:0] index_base;          // of noise: key and index of the first element
    logic [19:0] index_row_stride;
    logic [15:0] index_pixel_stride;
    logic  [4:0] random_bits;
    logic  [1:0] rounding;
    logic  [7:0] zero_point;
    logic [15:0] low;
    logic [15:0] high;
    logic  [3:0] fraction_bits;       // of a master, for its view
    logic  [7:0] zero_a;              // of operand a, or of the requantizer's result where the add follows it
    logic  [7:0] zero_b;
    logic [30:0] mult_a;              // factors of the add
    logic [30:0] mult_b;
    logic  [5:0] add_shift;
    logic  [7:0] add_zero;
    logic  [7:0] add_low;
    logic  [7:0] add_high;
    logic  [4:0] destination;         // the first of several registers
    logic [31:0] value;               // an immediate; what a range or the first count starts from
    logic [30:0] second_value;        // what the second count starts from
    logic  [8:0] threshold;           // signed: above it a patch differs, a cell is chosen
    logic [31:0] row_offset;          // of a list's entries
    logic [31:0] column_offset;
    logic  [5:0] chunks;              // registers that get a count, of `chunk` entries at most
    logic [15:0] chunk;
  } settings_t;

  // One step of the loop nest on its way through the pipeline.
  typedef struct packed {
    logic valid;
    logic read;       // the scratchpad gives a vector for it; else the tap is outside the image, or there is none
    logic first;      // first tap of a window
    logic third;      // operand c
    logic count;      // it goes over nothing: a register gets a count
    logic emit;       // last tap of a window: a value goes on; of wide masters and of lists all but the first, a vector
                      // each; of a patch only the last of all
    logic row_end;    // last pixel of a row, of a group, of the command
    logic group_end;
    logic last;
  } step_t;
endpackage
`default_nettype wire
