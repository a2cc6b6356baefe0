// patch_list: the entries of a row list, and how many of them fall to each register.
//   cell (y, x) is chosen where its byte of the mask is above the threshold; its entry: y*row_offset + x*column_offset
//   (mod 2^32); count i = min(chosen cells - i*chunk, chunk), from 0 on
// Golden: accel_models.golden.patches.listed, list_. Latency 0: the word of a cell or of a count in its own step; a vector
// of the mask comes in a step before those of its cells, one lane after the other. Nothing is multiplied.
// Combinational path: count_i -> word_o.
`default_nettype none
module patch_list #(
  parameter int unsigned Columns = 4
) (
  input  wire logic                    clk_i,
  input  wire logic                    start_i,          // a command starts; its fields hold still from here on
  input  wire logic              [7:0] threshold_i,      // signed
  input  wire logic             [31:0] row_offset_i,
  input  wire logic             [31:0] column_offset_i,
  input  wire logic             [15:0] chunk_i,
  input  wire logic                    step_i,           // a step leaves
  input  wire logic                    mask_i,           // it brings a vector of the mask
  input  wire logic                    row_end_i,        // or is the last cell of a row
  input  wire logic                    count_i,          // or a count
  input  wire logic [Columns-1:0][7:0] data_i,
  output      logic                    chosen_o,         // the cell
  output      logic             [31:0] word_o
);
  logic [Columns-1:0] chosen_q;
  logic        [31:0] entry_q, row_q, next_row;
  logic        [18:0] left_q, count;  // chosen cells, those in registers taken off: no scratchpad has room for more
  assign chosen_o = chosen_q[0];
  assign next_row = row_q + row_offset_i;
  assign count    = (left_q > 19'(chunk_i)) ? 19'(chunk_i) : left_q;
  assign word_o   = count_i ? 32'(count) : entry_q;

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      entry_q <= '0;
      row_q   <= '0;
      left_q  <= '0;
    end else if (step_i && count_i) begin
      left_q <= left_q - count;
    end else if (step_i && !mask_i) begin
      entry_q <= row_end_i ? next_row : entry_q + column_offset_i;
      if (row_end_i) row_q <= next_row;
      left_q <= left_q + 19'(chosen_o);
    end
  end

  logic [Columns-1:0] above;
  always_comb begin
    for (int unsigned l = 0; l < Columns; l++) above[l] = $signed(data_i[l]) > $signed(threshold_i);
  end
  always_ff @(posedge clk_i) begin
    if (step_i) chosen_q <= mask_i ? above : chosen_q >> 1;
  end
endmodule
`default_nettype wire
